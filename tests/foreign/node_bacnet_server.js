// A BACnet/IP device on the npm package node-bacnet: PORT INSTANCE; [{type, instance, value, writable}] on standard input.
const Bacnet = require("node-bacnet");
const E = Bacnet.enum;
const [port, instance] = process.argv.slice(2).map(Number);
const points = JSON.parse(require("fs").readFileSync(0, "utf8"));
const client = new Bacnet({ port, interface: "127.0.0.1", broadcastAddress: "127.0.0.1", apduTimeout: 1000 });
const REAL = E.ApplicationTag.REAL, UNSIGNED = E.ApplicationTag.UNSIGNED_INTEGER, ENUMERATED = E.ApplicationTag.ENUMERATED;
const TEXT = E.ApplicationTag.CHARACTER_STRING;
const OBJECT = E.ApplicationTag.OBJECTIDENTIFIER, NULL = E.ApplicationTag.NULL, BITS = E.ApplicationTag.BIT_STRING;
const tagOf = (type) => (type <= 2 ? REAL : type <= 5 ? ENUMERATED : UNSIGNED);
const objects = new Map(points.map((p) => [`${p.type}:${p.instance}`, { ...p, slots: Array(17).fill(null), idle: p.value }]));
const present = (o) => o.slots.find((slot) => slot !== null) ?? o.idle;
const fault = (errorClass, errorCode) => ({ fault: [errorClass, errorCode] });

function listed(index) {
  const all = [{ type: E.ObjectType.DEVICE, instance }, ...[...objects.values()].map((o) => ({ type: o.type, instance: o.instance }))];
  if (index === 0) return [{ type: UNSIGNED, value: all.length }];
  return (index > all.length ? all : all.slice(index - 1, index)).map((value) => ({ type: OBJECT, value }));
}

function valueOf(id, property, index) {
  if (id.type === E.ObjectType.DEVICE) {
    if (property === E.PropertyIdentifier.OBJECT_IDENTIFIER) return [{ type: OBJECT, value: { type: id.type, instance } }];
    if (property === E.PropertyIdentifier.MAX_APDU_LENGTH_ACCEPTED) return [{ type: UNSIGNED, value: 1476 }];
    if (property === E.PropertyIdentifier.PROTOCOL_SERVICES_SUPPORTED) return [{ type: BITS, value: { bitsUsed: 40, value: [0, 0x90, 1, 0, 4] } }];
    if (property === E.PropertyIdentifier.OBJECT_NAME) return [{ type: TEXT, value: "device" }];
    if (property === E.PropertyIdentifier.OBJECT_LIST) return listed(index);
    return fault(E.ErrorClass.PROPERTY, E.ErrorCode.UNKNOWN_PROPERTY);
  }
  const object = objects.get(`${id.type}:${id.instance}`);
  if (!object) return fault(E.ErrorClass.OBJECT, E.ErrorCode.UNKNOWN_OBJECT);
  if (property === E.PropertyIdentifier.OBJECT_NAME) return [{ type: TEXT, value: `object ${id.type}:${id.instance}` }];
  if (property === E.PropertyIdentifier.PRESENT_VALUE) return [{ type: tagOf(id.type), value: present(object) }];
  if (property === E.PropertyIdentifier.STATUS_FLAGS) return [{ type: BITS, value: { bitsUsed: 4, value: [0] } }];
  if (property === E.PropertyIdentifier.PRIORITY_ARRAY && object.writable && index >= 1 && index <= 16) {
    const slot = object.slots[index];
    return [slot === null ? { type: NULL, value: null } : { type: tagOf(id.type), value: slot }];
  }
  return fault(E.ErrorClass.PROPERTY, E.ErrorCode.UNKNOWN_PROPERTY);
}

client.on("readProperty", ({ header, invokeId, payload }) => {
  const { objectId, property } = payload;
  const got = valueOf(objectId, property.id, property.index);
  if (got.fault) return client.errorResponse(header.sender, E.ConfirmedServiceChoice.READ_PROPERTY, invokeId, ...got.fault);
  client.readPropertyResponse(header.sender, invokeId, objectId, property, got);
});
client.on("readPropertyMultiple", ({ header, invokeId, payload }) => {
  const values = payload.properties.map(({ objectId, properties }) => ({
    objectId,
    values: properties.map((property) => {
      const got = valueOf(objectId, property.id, property.index);
      const value = got.fault ? [{ value: { type: "BacnetError", errorClass: got.fault[0], errorCode: got.fault[1] } }] : got;
      return { property, value };
    }),
  }));
  client.readPropertyMultipleResponse(header.sender, invokeId, values);
});
client.on("writeProperty", ({ header, invokeId, payload }) => {
  const object = objects.get(`${payload.objectId.type}:${payload.objectId.instance}`);
  const told = payload.value.value?.[0] ?? payload.value[0];
  const answer = E.ConfirmedServiceChoice.WRITE_PROPERTY;
  if (!object?.writable) return client.errorResponse(header.sender, answer, invokeId, E.ErrorClass.PROPERTY, E.ErrorCode.WRITE_ACCESS_DENIED);
  object.slots[payload.value.priority || payload.priority || 16] = told.type === NULL ? null : told.value;
  client.simpleAckResponse(header.sender, answer, invokeId);
});
client.on("whoIs", ({ header }) => client.iAmResponse(header.sender, instance, E.Segmentation.NO_SEGMENTATION, 999));
client.on("error", (error) => console.error(String(error)));
client.on("listening", () => console.log(`ready node-bacnet ${require("node-bacnet/package.json").version}`));
