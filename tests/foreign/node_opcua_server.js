// An OPC UA server on the npm package node-opcua-server: PORT; [{node, type, value, writable}] on standard input.
const { OPCUAServer } = require("node-opcua-server");
const { StatusCodes } = require("node-opcua-status-code");
const { DataType, Variant } = require("node-opcua-variant");
const points = JSON.parse(require("fs").readFileSync(0, "utf8"));
const port = Number(process.argv[2]);
const names = { double: "Double", float: "Float", int64: "Int64", uint64: "UInt64", int32: "Int32", uint32: "UInt32",
  int16: "Int16", uint16: "UInt16", sbyte: "SByte", byte: "Byte", boolean: "Boolean" };
(async () => {
  const server = new OPCUAServer({ port, hostname: "127.0.0.1", alternateHostname: "127.0.0.1" });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace(); // number 1
  const other = space.registerNamespace("urn:maker:machine"); // number 2
  const folder = own.addFolder("ObjectsFolder", { browseName: "Machine" });
  for (const point of points) {
    const [, index, id] = /^ns=(\d+);(.*)$/.exec(point.node);
    let held = point.type === "boolean" ? Boolean(point.value) : point.value;
    const value = {
      get: () => new Variant({ dataType: DataType[names[point.type]], value: held }),
      ...(point.writable ? { set: (told) => ((held = told.value), StatusCodes.Good) } : {}),
    };
    const browseName = id.replace(/^[a-z]=/, "");
    const where = { componentOf: folder, nodeId: point.node, browseName, dataType: names[point.type], minimumSamplingInterval: 100 };
    (index === "1" ? own : other).addVariable({ ...where, value });
  }
  await server.start();
  console.log(`ready node-opcua-server ${require("node-opcua-server/package.json").version}`);
})();
