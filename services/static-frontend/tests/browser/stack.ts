// The real stack for the stories: "devstack demo" in a folder of its own, with its database, broker, services,
// and our pages.
import { spawn, type ChildProcess, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../../..");

export interface Stack {
  web: string;
  mqtt: URL;
  /** Runs SQL and returns what it prints. */
  sql: (statement: string) => string;
  stop: () => Promise<void>;
}

/** Starts the stack; bin/ must hold the services (tools/dev/build.sh). */
export async function startStack(): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "clair-stories-"));
  chmodSync(folder, 0o755); // PostgreSQL runs as another user, and would get a folder elsewhere.
  mkdirSync(join(folder, "services/static-frontend"), { recursive: true });
  symlinkSync(join(ROOT, "services/static-frontend/dist"), join(folder, "services/static-frontend/dist"));
  const bin = join(ROOT, "bin");
  const demo = spawn(join(bin, "devstack"), ["demo", "--project", folder, "--bin", bin, "--days", "3"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = await started(demo);
  const find = (pattern: RegExp) => {
    const found = pattern.exec(said)?.[1];
    if (!found) throw new Error(`the demo does not say ${pattern}:\n${said}`);
    return found;
  };
  const database = find(/(postgres:\/\/\S+)/);
  return {
    web: find(/Web\s+(http:\/\/[^\s/]+)/),
    mqtt: new URL(find(/(tcp:\/\/\S+)/)),
    sql: (statement) => execFileSync("psql", [database, "-Atc", statement], { encoding: "utf8" }).trim(),
    stop: async () => {
      const ended = new Promise((done) => demo.once("exit", done));
      demo.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function started(demo: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((ready, failed) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("What the nodes send")) ready(said);
    };
    demo.stdout!.on("data", hear);
    demo.stderr!.on("data", hear);
    demo.once("exit", (code) => failed(new Error(`the demo ended with ${code}:\n${said}`)));
    demo.once("error", failed);
  });
}

/** Publishes an uplink of an Elsys ERS as The Things Stack does, over MQTT 3.1.1. */
export async function publishUplink(broker: URL, eui: string, co2: number, counter: number): Promise<void> {
  // Elsys payload: 01 temperature (0.1 degrees), 02 humidity, 06 CO2.
  const payload = Buffer.from([1, 0, 215, 2, 45, 6, co2 >> 8, co2 & 0xff]);
  const device = `eui-${eui.toLowerCase()}`;
  const now = new Date().toISOString();
  const message = {
    end_device_ids: { device_id: device, application_ids: { application_id: "ers" }, dev_eui: eui },
    received_at: now,
    uplink_message: {
      f_port: 5,
      f_cnt: counter,
      frm_payload: payload.toString("base64"),
      received_at: now,
      rx_metadata: [{ gateway_ids: { gateway_id: "story" }, rssi: -80, snr: 7 }],
      settings: { data_rate: { lora: { bandwidth: 125000, spreading_factor: 7 } }, frequency: "868100000" },
    },
  };
  await publish(broker, `v3/ers@ttn/devices/${device}/up`, JSON.stringify(message));
}

/** MQTT in two packets: who we are, and the message at QoS 1, so that its arrival is told. */
function publish(broker: URL, topic: string, message: string): Promise<void> {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const packet = (first: number, body: Buffer) => {
    const length: number[] = [];
    let rest = body.length;
    do {
      length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
      rest >>= 7;
    } while (rest > 0);
    return Buffer.concat([Buffer.from([first, ...length]), body]);
  };
  const connect = packet(0x10, Buffer.concat([text("MQTT"), Buffer.from([4, 2, 0, 60]), text("story")]));
  const send = packet(0x32, Buffer.concat([text(topic), Buffer.from([0, 1]), Buffer.from(message)]));
  return new Promise((done, failed) => {
    const socket = createConnection(Number(broker.port), broker.hostname, () => socket.write(connect));
    socket.setTimeout(10_000, () => socket.destroy(new Error("the broker does not answer")));
    socket.on("error", failed);
    socket.on("data", (bytes) => {
      if (bytes[0] === 0x20) socket.write(send);
      if (bytes[0] === 0x40) {
        socket.end();
        done();
      }
    });
  });
}
