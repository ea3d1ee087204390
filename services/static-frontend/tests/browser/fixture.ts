// A stand-in for managair, for the tests of single pages: known values, a clock of its own, and failures on
// demand. The stories run against the real services.
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";
import { dayBefore } from "../../src/lib/walltime";
import { alertsApi } from "./alerts";
import { securityHeaders } from "./headers";

const DIST = new URL("../../dist/", import.meta.url).pathname;
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".woff2": "font/woff2",
};

export interface FixtureSample {
  timestamp_s: number;
  co2_ppm: number;
  temperature_celsius: string;
  rel_humidity_percent: number;
}

/** A school day: low at night, lessons with breaks, higher on weekdays. Deterministic. */
export function sampleAt(time: number, offset = 0): FixtureSample {
  const hour = (time / 3600 + 1) % 24;
  const weekday = (Math.floor(time / 86_400) + 3) % 7;
  const lesson = hour > 7.8 && hour < 16 && weekday < 5;
  const within = (hour * 60) % 95;
  const noise = Math.sin(time / 700) * 18 + Math.sin(time / 97) * 9;
  const co2 = lesson
    ? 620 + Math.min(within, 80) * 11 - (within > 80 ? (within - 80) * 40 : 0)
    : 440 + Math.max(0, 20 - hour) * 4;
  return {
    timestamp_s: time,
    co2_ppm: Math.round(Math.max(405, co2 + noise + offset)),
    temperature_celsius: (20.5 + Math.sin(time / 9000) * 1.6).toFixed(1),
    rel_humidity_percent: Math.round(44 + Math.sin(time / 15_000) * 7),
  };
}

const nodeId = (number: string) => `0000000${number}-0000-4000-8000-000000000000`;

interface World {
  /** Unix seconds at which the last sample was taken. */
  now: number;
  /** Newest CO2 value by installation; null: never sent. */
  current: Record<string, number | null>;
  /** Age of the newest sample in seconds, by installation. */
  age: Record<string, number>;
  role: "O" | "I" | null;
  /** Seconds between two samples. */
  step: number;
  empty: boolean;
  /** Addresses have places on the map. */
  placed: boolean;
  failing: RegExp | null;
  slow: RegExp | null;
  /** A proxy passes the heads of streams on, and keeps the rest. */
  held: boolean;
  /** So many sites more than the usual ones. */
  more: number;
  /** By which norm the rooms are judged. */
  norm: string;
  /** There are no rules, and nothing is reported. */
  calm: boolean;
  /** By which band the climate for things is judged; null: by none. */
  band: string | null;
}

interface Norm {
  id: string;
  lang: string;
  name: object;
  levels: { id: string; role: string; below_ppm?: number; up_to_ppm?: number; name: object }[];
}
const BIZOT = {
  name: { de: "Bizot Green Protocol", en: "Bizot Green Protocol" },
  source: "Bizot Green Protocol, refreshed 2023",
  low_percent: 40,
  high_percent: 60,
  low_celsius: 16,
  high_celsius: 25,
  swing_percent: 10,
};

/** Forms that laws ask for, and one of a site, as managair answers. */
const answer = (name: string) =>
  JSON.parse(
    readFileSync(
      join(import.meta.dirname, `../../../managair/internal/httpapi/testdata/${name}.json`),
      "utf8",
    ),
  ) as { data: unknown };
const FORMS = answer("forms").data as object[];
const SITE_FORM = answer("site_form").data as { attributes: object };

/** The norms as managair has them. */
const NORMS = Object.fromEntries(
  ["de-uba", "be", "fr-evaluation", "nl-frisse-scholen", "uk-dfe"].map((id) => [
    id,
    JSON.parse(
      readFileSync(join(import.meta.dirname, `../../../../pkg/profile/data/${id}.json`), "utf8"),
    ) as Norm,
  ]),
);
function scaleOf(id: string): object {
  const { name, levels } = NORMS[id]!;
  return {
    profile: id,
    name,
    levels: levels.map((one) => ({
      role: one.role,
      below_ppm: one.below_ppm,
      up_to_ppm: one.up_to_ppm,
      name: one.name,
    })),
  };
}

const rooms = [
  {
    id: "1",
    site: "1",
    name: "Klassenraum 7b",
    description: "Erdgeschoss, zum Hof",
    size: "62.0",
    height: "3.2",
    people: 30,
  },
  { id: "2", site: "1", name: "Aula", description: "", size: "210.0", height: "5.5", people: 180 },
  { id: "3", site: "1", name: "Lehrerzimmer", description: "", size: "48.0", height: "3.2", people: 20 },
  { id: "4", site: "2", name: "Lesesaal", description: "", size: "120.0", height: "4.0", people: 60 },
  { id: "5", site: "2", name: "Gruppenraum 1", description: "", size: "24.0", height: "3.0", people: 8 },
  { id: "6", site: "3", name: "Ausstellung", description: "", size: "340.0", height: "4.5", people: 120 },
];
const sites = [
  {
    id: "1",
    name: "Grundschule am Park",
    city: "Berlin",
    street: "Parkstraße 12",
    zip: "10439",
    lat: "52.551000",
    lon: "13.412000",
  },
  {
    id: "2",
    name: "Stadtbibliothek",
    city: "Berlin",
    street: "Marktplatz 3",
    zip: "12043",
    lat: "52.481000",
    lon: "13.435000",
  },
  {
    id: "3",
    name: "Museum für Naturkunde",
    city: "Potsdam",
    street: "Breite Straße 13",
    zip: "14467",
    lat: "52.396000",
    lon: "13.054000",
  },
];

/** The school has a timetable, and its rooms say nothing of their own. */
function timetable(kind: string, id: string): unknown {
  const lessons = [
    { from: "08:00", to: "12:00" },
    { from: "12:45", to: "16:00" },
  ];
  const week = { Mo: lessons, Tu: lessons, We: lessons, Th: lessons, Fr: lessons, Sa: [], Su: [] };
  const site = kind === "site";
  return {
    type: "Timetable",
    id: `${kind}-${id}`,
    attributes: {
      weekly: site && id === "1" ? week : null,
      exceptions: [
        { from_date: "2026-12-21", to_date: "2026-12-22", name: "Projekttage", hours: [] },
        {
          from_date: "2026-11-28",
          to_date: "2026-11-28",
          name: "Tag der offenen Tür",
          hours: [{ from: "10:00", to: "24:00" }],
        },
      ],
      holiday_region: site ? "DE-BE" : null,
      calendar_url: site ? "https://schule.example/ferien.ics" : null,
      calendar_days: site
        ? [{ from_date: "2026-12-23", to_date: "2027-01-02", name: "Weihnachtsferien" }]
        : [],
      calendar_left_out: site ? 2 : 0,
      calendar_read_at_s: site ? Math.floor(Date.now() / 1000) - 7200 : null,
      calendar_tried_at_s: null,
      calendar_failure: null,
      recomputing_from: null,
    },
  };
}

/** Known in each of the ways, one day after the other. */
function occupiedDays(room: string, from: string, to: string): unknown[] {
  const hows = ["timetable", "timetable", "inferred", "exception", "holiday", "unknown"];
  const days: unknown[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000) {
    const how = hows[days.length % hows.length]!;
    const morning = at / 1000 + 7 * 3600;
    const spans = [
      { from_timestamp_s: morning, to_timestamp_s: morning + 4 * 3600 },
      { from_timestamp_s: morning + 17_100, to_timestamp_s: morning + 8 * 3600 },
    ];
    const date = new Date(at).toISOString().slice(0, 10);
    days.push({
      type: "OccupiedDay",
      id: `${room}-${date}`,
      attributes: {
        date,
        how,
        name: { holiday: "Buß- und Bettag", exception: "Tag der offenen Tür" }[how] ?? "",
        spans: how === "holiday" || how === "unknown" ? [] : spans,
        decided_at_s: date === to ? null : morning,
      },
    });
  }
  return days;
}

/** What the server has for stretches of time; without one, the samples. */
function bucketed(samples: FixtureSample[], resolution: string | null): unknown[] {
  const step = { "10m": 600, "1h": 3600, "1d": 86_400 }[resolution ?? ""];
  if (!step) return samples;
  const groups = new Map<number, FixtureSample[]>();
  for (const sample of samples) {
    const start = sample.timestamp_s - (sample.timestamp_s % step);
    const group = groups.get(start);
    if (group) group.push(sample);
    else groups.set(start, [sample]);
  }
  return [...groups].map(([start, own]) => {
    const figures = (["co2_ppm", "temperature_celsius", "rel_humidity_percent"] as const).flatMap(
      (name): [string, string][] => {
        const values = own.map((sample) => Number(sample[name]));
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return [
          [name, mean.toFixed(name === "temperature_celsius" ? 1 : 0)],
          [`${name}_min`, String(Math.min(...values))],
          [`${name}_max`, String(Math.max(...values))],
        ];
      },
    );
    return { timestamp_s: start, sample_count: own.length, ...Object.fromEntries<string>(figures) };
  });
}

/** The media types of the files in which measurements are saved. */
const mediaTypes = {
  csv: "text/csv; charset=utf-8; header=present",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  parquet: "application/vnd.apache.parquet",
};

export class Fixture {
  readonly world: World;
  readonly requests: string[] = [];
  private readonly streams = new Set<ServerResponse>();
  /** What was published; the id of an event is its place here, beginning with 1. */
  private readonly published: string[] = [];
  private readonly server: Server;

  constructor() {
    const now = Math.floor(Date.now() / 1000 / 60) * 60 - 120;
    this.world = {
      now,
      current: { "1": 1240, "2": 2310, "3": 640, "4": 780, "5": null, "6": 560 },
      age: { "6": 3 * 3600 },
      role: null,
      step: 300,
      empty: false,
      placed: true,
      failing: null,
      slow: null,
      held: false,
      more: 0,
      norm: "de-uba",
      calm: false,
      band: null,
    };
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((ready) => this.server.listen(0, "127.0.0.1", ready));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const stream of this.streams) stream.end();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** Publishes a sample, as if a node had sent it. */
  publish(installation: string, co2: number): void {
    this.world.current[installation] = co2;
    // Each later than the one before, however quickly they follow one another.
    const time = Math.max(Math.floor(Date.now() / 1000), this.world.now + 1);
    const sample = { ...sampleAt(time), co2_ppm: co2 };
    this.world.now = sample.timestamp_s;
    const data = JSON.stringify({ installation_id: installation, ...sample });
    this.published.push(`event: sample\nid: ${this.published.length + 1}\ndata: ${data}\n\n`);
    for (const stream of this.streams) stream.write(this.published.at(-1)!);
  }

  /** What the server says when it has nothing to say. */
  beat(): void {
    const now = Math.floor(Date.now() / 1000);
    const id = this.published.length;
    for (const stream of this.streams) stream.write(`event: beat\nid: ${id}\ndata: {"now_s":${now}}\n\n`);
  }

  /** How many listen. */
  get listening(): number {
    return this.streams.size;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://fixture");
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    if (url.pathname.startsWith("/accounts/")) {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<title>Log in</title>");
      return;
    }
    if (!url.pathname.startsWith("/api/")) return this.file(url.pathname, response);
    if (this.world.failing?.test(url.pathname)) return this.json(response, 500, "<html>");
    if (url.pathname === "/api/v1/live/") return this.stream(url, response);
    const file = /\/timeseries\.(csv|xlsx|parquet)\/$/.exec(url.pathname)?.[1];
    if (file) return this.table(url, file as keyof typeof mediaTypes, response);
    const send = () => {
      const body = this.api(url);
      if (
        body === undefined &&
        !this.world.role &&
        /^\/api\/v1\/(auth|users|memberships|invitations|ingestion-tokens|nodes|fidelity|sensor-health|calibrations|alert-[a-z]+|notification[a-z-]+)\//.test(
          url.pathname,
        )
      ) {
        this.json(response, 401, { errors: [{ status: "401", code: "not_authenticated" }] });
        return;
      }
      if (body === undefined) {
        this.json(response, 404, {
          errors: [{ status: "404", code: "not_found", detail: "Nicht gefunden." }],
        });
        return;
      }
      this.json(response, 200, body, request.headers["accept-encoding"]?.includes("gzip"));
    };
    if (this.world.slow?.test(url.pathname)) return;
    send();
  }

  /** What the reader gets of site 1 by mail. */
  private reportSubscription() {
    const monday = Date.UTC(2026, 1, 2) / 1000;
    return {
      type: "ReportSubscription",
      id: "1",
      attributes: {
        weekly: true,
        monthly: false,
        language: "de",
        address: "vera@example.org",
        next_weekly_at_s: monday + 5 * 3600,
        next_monthly_at_s: null,
        site_name: "Grundschule am Park",
        organization_name: "Bezirksamt",
        mails: [
          { kind: "week", first_day: "2026-01-19", last_day: "2026-01-25", state: "waiting", why: null },
          { kind: "week", first_day: "2026-01-12", last_day: "2026-01-18", state: "sent", why: null },
          { kind: "week", first_day: "2026-01-05", last_day: "2026-01-11", state: "failed", why: "refused" },
        ].map((one) => ({ ...one, ended_at_s: one.state === "waiting" ? null : monday - 7 * 86_400 })),
      },
      relationships: {
        site: { data: { type: "Site", id: "1" } },
        organization: { data: { type: "Organization", id: "1" } },
      },
    };
  }

  private json(response: ServerResponse, status: number, body: unknown, gzip = false): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, {
      "Content-Type": "application/vnd.api+json",
      "Access-Control-Allow-Origin": "*",
      ...(gzip ? { "Content-Encoding": "gzip" } : {}),
    });
    response.end(gzip ? gzipSync(text, { level: 1 }) : text);
  }

  private stream(url: URL, response: ServerResponse): void {
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "Access-Control-Allow-Origin": "*",
    });
    this.streams.add(response);
    if (this.world.held) response.flushHeaders();
    else {
      // What was published while nobody listened is said first, as the server does.
      const last = Number(url.searchParams.get("last_event_id") ?? this.published.length);
      for (const event of this.published.slice(last)) response.write(event);
      response.write(`event: ready\nid: ${this.published.length}\ndata: {"installations":[]}\n\n`);
    }
    response.on("close", () => this.streams.delete(response));
  }

  private file(path: string, response: ServerResponse): void {
    let file = join(DIST, normalize(path));
    if (!existsSync(file) || !statSync(file).isFile()) {
      if (extname(path)) {
        response.writeHead(404).end();
        return;
      }
      file = join(DIST, "index.html");
    }
    const compressed = existsSync(`${file}.gz`);
    response.writeHead(200, {
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      ...securityHeaders(path),
      ...(path === "/clair-room.js" ? { "Access-Control-Allow-Origin": "*" } : {}),
      ...(compressed ? { "Content-Encoding": "gzip" } : {}),
    });
    createReadStream(compressed ? `${file}.gz` : file).pipe(response);
  }

  private latest(id: string): FixtureSample | undefined {
    const co2 = this.world.current[id];
    if (co2 === null || co2 === undefined) return undefined;
    return { ...sampleAt(this.world.now - (this.world.age[id] ?? 0)), co2_ppm: co2 };
  }

  private series(id: string, from: number, to: number, most: number): FixtureSample[] {
    const newest = this.latest(id);
    if (!newest) return [];
    const end = Math.min(to, newest.timestamp_s);
    const begin = Math.max(from, this.world.now - 400 * 86_400);
    const step = Math.max(this.world.step, most ? Math.ceil((end - begin) / most) : 0);
    const samples: FixtureSample[] = [];
    // The last hour leads to the newest value.
    for (let time = newest.timestamp_s; time >= begin; time -= step) {
      const sample = sampleAt(time, Number(id) * 25);
      const back = newest.timestamp_s - time;
      if (back < 3600)
        sample.co2_ppm = Math.round(newest.co2_ppm - (back / 3600) * Math.min(350, newest.co2_ppm - 420));
      if (time <= end) samples.push(sample);
    }
    return samples.reverse();
  }

  /** A table: more than the hours of a whole site is too much for one that is text. */
  private table(url: URL, file: keyof typeof mediaTypes, response: ServerResponse): void {
    if (file === "csv" && url.pathname.includes("/sites/") && url.searchParams.get("resolution") === "raw") {
      const error = { status: "400", code: "too_many_rows", detail: "Das sind mehr Zeilen, als …" };
      return this.json(response, 400, { errors: [error] });
    }
    response
      .writeHead(200, {
        "Content-Type": mediaTypes[file],
        "Content-Disposition": `attachment; filename*=utf-8''Schule%2C%20Raum.${file}`,
      })
      .end("\ufeffStandort;Raum\r\n");
  }

  private api(url: URL): unknown {
    const path = url.pathname.replace("/api/v1/", "").replace(/\/$/, "").split("/");
    const filter = (name: string) => url.searchParams.get(`filter[${name}]`);
    const single = (data: unknown, included: unknown[] = []) => data && { data, included };
    const many = (data: unknown[], included: unknown[] = []) => ({
      data,
      included,
      links: {},
      meta: { pagination: { page: 1, pages: 1, count: data.length } },
    });
    const site = (one: (typeof sites)[number]) => ({
      type: "Site",
      id: one.id,
      attributes: { name: one.name, description: "", time_zone: "Europe/Berlin" },
      relationships: {
        address: { data: { type: "Address", id: one.id } },
        operator: { data: { type: "Organization", id: "1" } },
      },
    });
    const address = (one: (typeof sites)[number]) => ({
      type: "Address",
      id: one.id,
      attributes: {
        street1: one.street,
        street2: null,
        zip: one.zip,
        city: one.city,
        latitude: one.lat,
        longitude: one.lon,
      },
    });
    const room = (one: (typeof rooms)[number]) => ({
      type: "Room",
      id: one.id,
      attributes: {
        name: one.name,
        description: one.description,
        size_sqm: one.size,
        height_m: one.height,
        max_occupancy: one.people,
        air_scale: scaleOf(this.world.norm),
      },
      relationships: { site: { data: { type: "Site", id: one.site } } },
    });
    const installation = (one: (typeof rooms)[number]) => ({
      type: "Installation",
      id: one.id,
      attributes: {
        from_timestamp_s: this.world.now - 400 * 86_400,
        to_timestamp_s: 2147483647,
        is_public: true,
        description: "",
        image: null,
        latest_sample: this.latest(one.id),
        query_timestamp_s: this.world.now,
      },
      relationships: {
        room: { data: { type: "Room", id: one.id } },
        node: { data: { type: "Node", id: nodeId(one.id) } },
      },
    });
    const visible = this.world.empty ? [] : rooms;
    const [kind, id, sub] = path;
    const here = visible.filter(
      (one) =>
        (!filter("site") || one.site === filter("site")) && (!filter("room") || one.id === filter("room")),
    );
    switch (`${kind}${id ? "/:id" : ""}${sub ? `/${sub}` : ""}`) {
      case "sites":
        return many(this.world.empty ? [] : sites.map(site), sites.map(address));
      case "public-sites":
        return this.publicSites(url);
      case "sites/:id": {
        const one = sites.find((candidate) => candidate.id === id);
        return one && single(site(one), [address(one)]);
      }
      case "rooms":
        return many(here.map(room));
      case "rooms/:id": {
        const one = visible.find((candidate) => candidate.id === id);
        return one && single(room(one));
      }
      case "rooms/:id/installations":
        return many(visible.filter((one) => one.id === id).map(installation));
      case "sites/:id/timetable":
      case "rooms/:id/timetable":
        return single(timetable(kind!.slice(0, -1), id!));
      case "sites/:id/report-subscription":
        return single(this.reportSubscription());
      case "rooms/:id/occupied-days":
        return many(occupiedDays(id!, filter("from")!, filter("to")!));
      case "holiday-regions":
        return many(
          Object.entries({ "DE-BE": "Berlin", "DE-BY": "Bayern", NL: "" }).map(([region, name]) => ({
            type: "HolidayRegion",
            id: region,
            attributes: { country: region.slice(0, 2), name },
          })),
        );
      case "rooms/:id/airquality":
        return single({
          type: "room-airquality",
          id,
          attributes: {
            clean_air_medal: false,
            from_timestamp_s: this.world.now - 30 * 86_400,
            to_timestamp_s: this.world.now,
            airq_hist: Object.fromEntries(
              ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].map((day, index) => [
                day,
                Array.from({ length: 24 }, (_, hour) => {
                  if (index === 6 && hour < 7) return null;
                  const noon =
                    1_700_000_000 - (1_700_000_000 % 604_800) + 345_600 + index * 86_400 + hour * 3600 + 300;
                  return sampleAt(noon).co2_ppm + (hour === 11 && index === 2 ? 600 : 0);
                }),
              ]),
            ),
          },
        });
      case "verdict-profiles":
        return many(
          Object.values(NORMS).map(({ id: norm, lang, ...attributes }) => ({
            type: "VerdictProfile",
            id: norm,
            attributes: { ...attributes, paragraph_language: lang },
          })),
        );
      case "rooms/:id/air-files":
        return many(
          [
            {
              from_date: "2023-10-01",
              to_date: "2023-10-31",
              version: 2,
              published_at_s: this.world.now - 86_400,
            },
            { from_date: "2023-09-04", to_date: "2023-09-15", version: 1, published_at_s: null },
          ].map((one, index) => ({
            type: "AirFile",
            id: String(index + 1),
            attributes: {
              ...one,
              profile: this.world.norm,
              made_at_s: this.world.now - 2 * 86_400,
              page_url: `/api/v1/air-files/${index + 1}/page/`,
              document_url: `/api/v1/air-files/${index + 1}/document.json`,
            },
          })),
        );
      case "forms":
        return many(FORMS);
      case "sites/:id/forms":
        return many([SITE_FORM]);
      case "site-forms/:id":
        return single(SITE_FORM);
      case "climate-bands":
        return many([{ type: "ClimateBand", id: "bizot", attributes: BIZOT }]);
      case "rooms/:id/climate":
        return single({ type: "room-climate", id, attributes: this.climate() });
      case "rooms/:id/ventilation":
        return single({
          type: "room-ventilation",
          id,
          attributes: {
            background_ppm: 431,
            volume_m3: 187.5,
            people: 28,
            airing_count: 2,
            airing_drop_ppm: 150,
            halving_s: 492,
            closed_windows: {
              per_hour: 0.43,
              low_per_hour: 0.39,
              high_per_hour: 0.49,
              rate_count: 21,
              m3_per_hour: 80.6,
              m3_per_hour_per_person: 2.9,
            },
            airing: {
              per_hour: 5.1,
              low_per_hour: 4.6,
              high_per_hour: 5.7,
              rate_count: 12,
              m3_per_hour: 956,
              m3_per_hour_per_person: 34.1,
            },
            worst_hour: {
              from_timestamp_s: this.world.now - 8 * 86_400,
              to_timestamp_s: this.world.now - 8 * 86_400 + 3600,
              mean_co2_ppm: 1480,
              rebreathed_percent: 2.76,
              one_breath_in: 36,
            },
            occupied: {
              from_timestamp_s: this.world.now - 30 * 86_400,
              to_timestamp_s: this.world.now,
              mean_co2_ppm: 960,
              rebreathed_percent: 1.39,
              one_breath_in: 72,
            },
            days: [
              {
                date: dayBefore(this.world.now, "Europe/Berlin"),
                measured_s: 86_400,
                airing_count: 5,
                latest_airing_timestamp_s: this.world.now - 80_000,
                max_co2_ppm: 1612,
              },
            ],
            airings: [1512, 1390].map((from_co2_ppm, index) => ({
              from_timestamp_s: this.world.now - 90_000 + 5400 * index,
              to_timestamp_s: this.world.now - 90_000 + 5400 * index + 540,
              from_co2_ppm,
              to_co2_ppm: 720,
              per_hour: 5,
            })),
            rates: [],
            abstained: { bent: 17, too_few_points: 3 },
            from_timestamp_s: this.world.now - 30 * 86_400,
            to_timestamp_s: this.world.now,
            query_timestamp_s: this.world.now,
            time_zone: "Europe/Berlin",
          },
        });
      case "rooms/:id/verdicts": {
        const good = id === "3";
        const norm = url.searchParams.get("profile") ?? this.world.norm;
        const levels = NORMS[norm]!.levels.map((one) => one.id);
        return single({
          type: "room-verdict",
          id,
          attributes: {
            profile: norm,
            level: levels[good ? 0 : 1],
            not_judged: null,
            good,
            clean_air_medal: good,
            best_level: levels[0],
            worst_level: levels[good ? 0 : 1],
            bounds: [
              { level: "harmless", ppm: 1000, beyond_percent: good ? 1.2 : 18.4, tolerance_percent: 5 },
              { level: "conspicuous", ppm: 2000, beyond_percent: 0, tolerance_percent: 0 },
            ],
            sensor: { verdict: "fit", short: [], missing: [] },
            occupied_s: 22 * 6 * 3600,
            measured_s: 21 * 6 * 3600,
            occupied_known_by: ["timetable"],
            days_without_use: good ? 0 : 1,
            day_count: 22,
            stale_day_count: good ? 0 : 9,
            worst_hours: good ? null : { weekday: 2, from_hour: 11, to_hour: 14, stale_s: 21_600 },
            from_timestamp_s: this.world.now - 30 * 86_400,
            to_timestamp_s: this.world.now,
            time_zone: "Europe/Berlin",
          },
        });
      }
      case "installations":
        return many(
          here.map(installation),
          url.searchParams.get("include") === "node" && this.world.role ? this.nodes() : [],
        );
      case "installations/:id/timeseries":
        return single({
          type: "Installation-Timeseries",
          id,
          attributes: {
            samples: bucketed(
              this.series(
                id!,
                Number(filter("from") ?? 0),
                Number(filter("to") ?? this.world.now),
                Number(url.searchParams.get("max_points") ?? 0),
              ),
              url.searchParams.get("resolution"),
            ),
          },
        });
      case "nodes/:id/installations":
        return many(rooms.filter((one) => nodeId(one.id) === id).map(installation), [
          ...rooms.map(room),
          ...sites.map(site),
        ]);
      default:
        if (!this.world.role) return undefined;
        return (
          alertsApi(url, this.world.now, this.world.role === "O", this.world.calm, many, single) ??
          this.memberApi(path, many, single)
        );
    }
  }

  private climate(): Record<string, unknown> {
    const midnight = this.world.now - (this.world.now % 86_400);
    const times = {
      from_timestamp_s: midnight - 30 * 86_400,
      to_timestamp_s: midnight,
      query_timestamp_s: this.world.now,
    };
    if (!this.world.band) return { band: null, ...times };
    const hour = (day: number, at: number) => midnight - day * 86_400 + at * 3600;
    return {
      band: this.world.band,
      ...BIZOT,
      outcome: "exceeded",
      hour_count: 720,
      known_hour_count: 716,
      inside_hour_count: 707,
      outside_hour_counts: { too_dry: 8, too_cold: 1 },
      temperature_celsius: { low: 15.8, mean: 20.4, high: 22.1, hour_count: 716 },
      rel_humidity_percent: { low: 34.2, mean: 44.1, high: 57.3, hour_count: 716 },
      exceedances: [
        { kind: "too_dry", from_timestamp_s: hour(9, 8), to_timestamp_s: hour(9, 16), extreme: 34.2 },
        { kind: "too_cold", from_timestamp_s: hour(3, 5), to_timestamp_s: hour(3, 6), extreme: 15.8 },
      ],
      history: {
        from_timestamp_s: hour(250, 0),
        month_count: 8,
        needed_month_count: 13,
        known_percent: 98.6,
        enough: false,
      },
      time_zone: "Europe/Berlin",
      ...times,
    };
  }

  private publicSites(url: URL): unknown {
    const words = (url.searchParams.get("filter[search]") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const [west = -180, south = -90, east = 180, north = 90] = (url.searchParams.get("filter[box]") ?? "")
      .split(",")
      .filter(Boolean)
      .map(Number);
    const boxed = url.searchParams.has("filter[box]");
    const size = Number(url.searchParams.get("page[size]") ?? 100);
    const usual = sites.map((site) => ({
      ...site,
      rooms: rooms.filter((room) => room.site === site.id).map((room) => room.id),
    }));
    const more = Array.from({ length: this.world.more }, (_, index) => ({
      id: String(100 + index),
      name: `Schule ${index + 1} an der ${["Allee", "Brücke", "Mauer"][index % 3]}`,
      street: `Musterstraße ${index + 1}`,
      zip: "10115",
      city: ["Berlin", "Köln", "München", "Rostock"][index % 4]!,
      lat: (47.5 + ((index * 37) % 700) / 100).toFixed(6),
      lon: (6.5 + ((index * 53) % 800) / 100).toFixed(6),
      rooms: ["1", "2", "3", "4", "6"],
    }));
    const all = (this.world.empty ? [] : [...usual, ...more]).filter(
      (site) =>
        words.every((word) => `${site.name} ${site.street} ${site.city}`.toLowerCase().includes(word)) &&
        (this.world.placed || !boxed) &&
        Number(site.lon) >= west &&
        Number(site.lon) <= east &&
        Number(site.lat) >= south &&
        Number(site.lat) <= north,
    );
    return {
      data: all.slice(0, size).map((site) => ({
        type: "PublicSite",
        id: site.id,
        attributes: {
          name: site.name,
          street1: site.street,
          zip: site.zip,
          city: site.city,
          latitude: this.world.placed ? site.lat : null,
          longitude: this.world.placed ? site.lon : null,
          rooms: site.rooms.map((id) => {
            const latest = this.latest(id);
            return {
              id,
              name: rooms.find((room) => room.id === id)!.name,
              latest_samples: latest ? [{ timestamp_s: latest.timestamp_s, co2_ppm: latest.co2_ppm }] : [],
              air_scale: scaleOf(this.world.norm),
            };
          }),
        },
        links: { self: `/api/v1/public-sites/${site.id}/` },
      })),
      links: {},
      meta: { pagination: { page: 1, pages: Math.ceil(all.length / size), count: all.length } },
    };
  }

  private nodes() {
    return [...rooms.map((room) => room.id), "7"].map((number) => ({
      type: "Node",
      id: nodeId(number),
      attributes: {
        eui64: `9876B6000011930${number}`,
        alias: `Sensor ${number}`,
        description: "",
        sample_count: 104_512,
        latest_sample: this.latest(number),
      },
      relationships: {
        model: { data: { type: "Model", id: "1" } },
        protocol: { data: { type: "Protocol", id: "1" } },
      },
    }));
  }

  /** What only members of the organization see. */
  private memberApi(
    [kind, id, sub]: string[],
    many: (data: unknown[]) => unknown,
    single: (data: unknown) => unknown,
  ): unknown {
    const membership = (number: string, user: string, role: string) => ({
      type: "Membership",
      id: number,
      attributes: { role, user_name: user, organization_name: "Schulen am Park" },
      relationships: {
        user: { data: { type: "User", id: number } },
        organization: { data: { type: "Organization", id: "1" } },
      },
    });
    const memberships = [
      membership("1", "vera", this.world.role ?? "I"),
      membership("2", "horst", this.world.role === "O" ? "I" : "O"),
    ];
    const nodes = this.nodes();
    const fidelity = nodes.map(({ id: node }, index) => ({
      type: "Fidelity",
      id: node,
      attributes: {
        battery_percent: 91,
        rssi_dbm: -97,
        fidelity: ["E", "E", "E", "E", "U", "M", "D"][index],
        fault: index === 1 ? "implausible" : null,
        fault_since_s: index === 1 ? this.world.now - 7200 : null,
        last_contact_s: index === 4 ? null : this.world.now - [60, 60, 90, 200, 0, 10_800, 400_000][index]!,
      },
    }));
    const radio = nodes.map(({ id: node }, index) => {
      const reception = ["good", "good", "weak", "losing", "unknown", "good", "good"][index];
      const known = reception !== "unknown";
      return {
        type: "Radio",
        id: node,
        attributes: {
          reception,
          last_contact_s: known ? this.world.now - 60 * (index + 1) : null,
          spreading_factor: known ? [7, 7, 12, 10, 0, 8, 9][index] : null,
          bandwidth_khz: known ? 125 : null,
          frequency_hz: known ? 868_100_000 : null,
          gateways: known ? [3, 2, 1, 1, 0, 2, 2][index] : null,
          rssi_dbm: known ? [-71, -88, -119, -117, 0, -97, -99][index] : null,
          snr_db: known ? [9.5, 7.2, -17.2, -9.8, 0, 4, 3][index] : null,
          days: 7,
          uplinks: known ? [1008, 1001, 980, 640, 0, 1000, 999][index] : 0,
          uplinks_lost: known ? [0, 7, 21, 368, 0, 3, 4][index] : 0,
          mean_spreading_factor: known ? 9 : null,
          mean_gateways: known ? [2.8, 2, 1, 1.1, 0, 2, 2][index] : null,
          mean_rssi_dbm: null,
          mean_snr_db: null,
        },
      };
    });
    const estimate = (value: number, plus_minus: number, probability: number) => ({
      value,
      plus_minus,
      probability,
    });
    const health = nodes.map(({ id: node }, index) => ({
      type: "SensorHealth",
      id: node,
      attributes: {
        judged_at_s: this.world.now - 40_000,
        suspected: index === 2,
        silence: index === 3 ? "never_at_rest" : null,
        other_sensor_count: 6,
        offset_ppm:
          index === 3 ? null : index === 2 ? estimate(92.4, 17.1, 0.99995) : estimate(-8.2, 16.3, 0),
        drift_ppm_per_30_days: index === 2 ? estimate(4.1, 1.6, 0.2) : null,
        step_date: index === 2 ? "2025-09-15" : null,
        step_ppm: index === 2 ? estimate(-61, 9.3, 0) : null,
        impossible: false,
        impossible_night_count: 0,
        battery_silence: index === 3 ? "no_percent" : null,
        battery_day_count: 210,
        battery_empty_date: "2027-08-02",
        battery_earliest_date: "2027-03-11",
        battery_latest_date: "2028-02-20",
      },
    }));
    switch (`${kind}/${sub ?? (id ? ":id" : "")}`) {
      case "auth/:id":
        return single({
          type: "User",
          id: "1",
          attributes: {
            username: "vera",
            email: "vera@example.org",
            first_name: "Vera",
            last_name: "Versuch",
          },
        });
      case "users/memberships":
        return many(this.world.empty ? [] : memberships.slice(0, 1));
      case "memberships/":
        return many(memberships);
      case "report-subscriptions/":
        return many([this.reportSubscription()]);
      case "invitations/":
        return many(
          this.world.role === "O"
            ? [
                {
                  type: "Invitation",
                  id: "1",
                  attributes: { email: "neu@example.org", role: "I", expires_at_s: this.world.now + 86_400 },
                },
              ]
            : [],
        );
      case "ingestion-tokens/":
        return many(
          [
            { name: "Wetterstation auf dem Dach", node_alias: null, used: 300, revoked: null },
            { name: "Raspberry Pi in der Aula", node_alias: "Sensor 2", used: null, revoked: null },
            { name: "Altes Token", node_alias: null, used: 86_400, revoked: 3600 },
          ].map(({ name, node_alias, used, revoked }, index) => ({
            type: "IngestionToken",
            id: String(index + 1),
            attributes: {
              name,
              node_alias,
              maker_name: "vera",
              made_at_s: this.world.now - 7 * 86_400,
              last_used_at_s: used && this.world.now - used,
              revoked_at_s: revoked && this.world.now - revoked,
            },
          })),
        );
      case "organizations/:id":
        return single({
          type: "Organization",
          id: "1",
          attributes: { name: "Schulen am Park", description: "" },
        });
      case "nodes/":
        return many(nodes);
      case "nodes/:id":
        return single(nodes.find((one) => one.id === id));
      case "models/":
        return many([
          {
            type: "Model",
            id: "1",
            attributes: { name: "ERS", trade_name: "ERS CO2", manufacturer: "Elsys" },
          },
        ]);
      case "protocols/":
        return many([{ type: "Protocol", id: "1", attributes: { identifier: "ELSYSERSPROT_V01" } }]);
      case "fidelity/":
        return many(fidelity);
      case "radio/":
        return many(radio);
      case "fidelity/:id":
        return single(fidelity.find((one) => one.id === id));
      case "sensor-health/":
        return many(health);
      case "sensor-health/:id":
        return single(health.find((one) => one.id === id));
      case "calibrations/":
        return many([
          {
            type: "Calibration",
            id: "1",
            attributes: {
              performed_at_s: this.world.now - 60 * 86_400,
              method: "outdoor",
              offset_ppm: 55,
              description: "Zehn Minuten am offenen Fenster",
            },
            relationships: { node: { data: { type: "Node", id: nodes[2]?.id } } },
          },
        ]);
      default:
        return undefined;
    }
  }
}
