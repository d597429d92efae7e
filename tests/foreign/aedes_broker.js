// An MQTT broker on the npm package aedes: PORT.
const { Aedes } = require("aedes");
const fs = require("fs");
const path = require("path");
(async () => {
  const broker = await Aedes.createBroker();
  const { version } = JSON.parse(fs.readFileSync(path.join(process.env.NODE_PATH, "aedes", "package.json"), "utf8"));
  require("net").createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1", () =>
    console.log(`ready aedes ${version}`));
})();
