// A device on the npm package mqtt: PORT; {"topics": {topic: body}, "sets": {set topic: topic}} on standard input.
const mqtt = require("mqtt");
const { topics, sets } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const client = mqtt.connect(`mqtt://127.0.0.1:${process.argv[2]}`);
const tell = () => Object.entries(topics).forEach(([topic, body]) => client.publish(topic, body));
client.on("connect", () => {
  Object.keys(sets).forEach((topic) => client.subscribe(topic));
  tell();
  setInterval(tell, 500);
  console.log(`ready mqtt ${require("mqtt/package.json").version}`);
});
client.on("message", (topic, body) => ((topics[sets[topic]] = String(body)), tell()));
