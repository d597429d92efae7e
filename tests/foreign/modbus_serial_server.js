// A Modbus server on the npm package modbus-serial: PORT UNIT; {"input": {"0": 17254}, ...} on standard input.
const { ServerTCP } = require("modbus-serial");
const known = JSON.parse(require("fs").readFileSync(0, "utf8"));
const [port, unit] = process.argv.slice(2).map(Number);
const get = (table) => (address, _unit, done) => {
  const value = (known[table] ?? {})[address];
  if (value === undefined) return done({ modbusErrorCode: 2, msg: "no such register" });
  done(null, table === "coil" || table === "discrete" ? Boolean(value) : value);
};
const set = (table) => (address, value, _unit, done) => {
  if ((known[table] ?? {})[address] === undefined) return done({ modbusErrorCode: 2, msg: "no such register" });
  known[table][address] = Number(value);
  done(null);
};
const server = new ServerTCP(
  {
    getInputRegister: get("input"),
    getHoldingRegister: get("holding"),
    getCoil: get("coil"),
    getDiscreteInput: get("discrete"),
    setRegister: set("holding"),
    setCoil: set("coil"),
  },
  { host: "127.0.0.1", port, unitID: unit },
);
server.on("initialized", () => console.log(`ready modbus-serial ${require("modbus-serial/package.json").version}`));
