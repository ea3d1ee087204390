// What the stand-in for managair says of alerts: open ones and past ones, rules, and channels with their log.

type Page = (data: unknown[]) => unknown;
type One = (data: unknown) => unknown;

const related = (type: string, id: string) => ({ data: { type, id } });
const node = (number: string) => `0000000${number}-0000-4000-8000-000000000000`;

function rule(id: string, over: Record<string, unknown>, scope: Record<string, unknown> = {}) {
  return {
    type: "AlertRule",
    id,
    attributes: {
      personal: false,
      enabled: true,
      condition: "profile",
      quantity: null,
      threshold: null,
      hysteresis: null,
      for_s: null,
      occupied_only: false,
      remind_after_s: null,
      tell_recovery: true,
      quiet_from: null,
      quiet_to: null,
      time_zone: "Europe/Berlin",
      snoozed_until_s: null,
      template: null,
      ...over,
    },
    relationships: { organization: related("Organization", "1"), channels: { data: [] }, ...scope },
  };
}

const RULES = [
  rule("1", { name: "Bitte lüften", for_s: 300, occupied_only: true, template: "airing" }),
  rule("2", {
    name: "Sensor ist verstummt",
    personal: true,
    condition: "silent",
    remind_after_s: 604_800,
    template: "sensors.silent",
  }),
  rule(
    "3",
    {
      name: "Zu feucht in der Ausstellung",
      condition: "above",
      quantity: "rel_humidity_percent",
      threshold: "60.0",
      quiet_from: "22:00",
      quiet_to: "07:00",
    },
    { room: related("Room", "6"), channels: { data: [{ type: "NotificationChannel", id: "2" }] } },
  ),
  rule(
    "4",
    {
      name: "Batterie im Lesesaal",
      personal: true,
      enabled: false,
      condition: "battery",
      threshold: "10.0",
    },
    { node: related("Node", node("4")) },
  ),
];

function episodes(now: number) {
  const episode = (
    id: string,
    of: (typeof RULES)[number],
    where: { room: string; name: string; site: string; siteId: string },
    over: Record<string, unknown>,
    history: unknown[],
  ) => ({
    type: "AlertEpisode",
    id,
    attributes: {
      rule_name: (of.attributes as { name?: string }).name,
      condition: of.attributes.condition,
      quantity: of.attributes.quantity,
      node_alias: `Sensor ${where.room}`,
      room_name: where.name,
      site_name: where.site,
      closed_at_s: null,
      close_reason: null,
      threshold: null,
      value: null,
      worst: null,
      acknowledged_at_s: null,
      snoozed_until_s: null,
      tell_count: 1,
      history,
      ...over,
    },
    relationships: {
      organization: related("Organization", "1"),
      rule: related("AlertRule", of.id),
      site: related("Site", where.siteId),
      room: related("Room", where.room),
      node: related("Node", node(where.room)),
    },
  });
  const event = (at_s: number, kind: string, more: object = {}) => ({
    at_s,
    kind,
    user_name: null,
    channels: [],
    until_s: null,
    reason: null,
    ...more,
  });
  const aula = { room: "2", name: "Aula", site: "Grundschule am Park", siteId: "1" };
  const show = { room: "6", name: "Ausstellung", site: "Museum für Naturkunde", siteId: "3" };
  const [bad, silent, humid] = RULES as [
    (typeof RULES)[number],
    (typeof RULES)[number],
    (typeof RULES)[number],
  ];
  return [
    episode(
      "1",
      bad,
      aula,
      { opened_at_s: now - 1500, threshold: 1000, value: 1012, worst: 2310, tell_count: 2 },
      [
        event(now - 1500, "opened"),
        event(now - 1190, "told", { channels: [1, 9] }),
        event(now - 300, "reminded", { channels: [1] }),
      ],
    ),
    episode("2", silent, show, { opened_at_s: now - 3 * 3600, acknowledged_at_s: now - 7200 }, [
      event(now - 3 * 3600, "opened"),
      event(now - 10_000, "told", { channels: [1] }),
      event(now - 7200, "acknowledged", { user_name: "vera" }),
    ]),
    episode(
      "3",
      humid,
      show,
      {
        opened_at_s: now - 200_000,
        closed_at_s: now - 180_000,
        close_reason: "recovered",
        threshold: 60,
        value: 60.5,
        worst: 71,
        tell_count: 3,
      },
      [
        event(now - 200_000, "opened"),
        event(now - 199_990, "told", { channels: [2] }),
        event(now - 190_000, "snoozed", { user_name: "horst", until_s: now - 185_000 }),
        event(now - 184_900, "reminded", { channels: [2] }),
        event(now - 180_000, "closed", { reason: "recovered" }),
        event(now - 179_990, "recovered", { channels: [2] }),
      ],
    ),
  ];
}

function channels(now: number, owner: boolean) {
  const channel = (id: string, over: object, organization = false) => ({
    type: "NotificationChannel",
    id,
    attributes: {
      language: "de",
      organization_name: organization ? "Schulen am Park" : null,
      state: "active",
      disabled_why: null,
      made_at_s: now - 900_000,
      answered_at_s: now - 899_000,
      confirmed_at_s: now - 898_000,
      disabled_at_s: null,
      failed_at_s: null,
      failed_why: null,
      works_since_s: null,
      ...over,
    },
    relationships: { organization: organization ? related("Organization", "1") : { data: null } },
  });
  return [
    channel("1", { kind: "email", name: "Meine Mail", target: "vera@example.org" }),
    channel("4", {
      kind: "ntfy",
      name: "Mein Telefon",
      target: "https://ntfy.sh/…",
      state: "unconfirmed",
      answered_at_s: null,
      confirmed_at_s: null,
    }),
    ...(owner
      ? [
          channel(
            "2",
            {
              kind: "webhook",
              name: "Leitstelle",
              target: "https://leitstelle.example/…",
              failed_at_s: now - 200_000,
              failed_why: "it answered 502",
              works_since_s: now - 196_400,
            },
            true,
          ),
          channel(
            "3",
            {
              kind: "slack",
              name: "Kanal #haustechnik",
              target: "https://hooks.slack.com/…",
              state: "disabled",
              disabled_why: "failing",
              disabled_at_s: now - 86_400,
              failed_at_s: now - 86_400,
              failed_why: "the receiver does not answer in time",
            },
            true,
          ),
        ]
      : []),
  ];
}

function log(now: number) {
  const logged = (id: string, over: object) => ({
    type: "Notification",
    id,
    attributes: {
      why: null,
      due_at_s: null,
      ended_at_s: now - 100,
      attempts: 1,
      messages: 1,
      data: {},
      tries: [
        {
          began_at_s: now - 110,
          took_ms: 41,
          outcome: "delivered",
          status: 200,
          answer: "ok",
          sent: '{"specversion":"1.0","type":"de.clair-berlin.alert.opened"}',
        },
      ],
      ...over,
    },
    relationships: { channel: related("NotificationChannel", "2") },
  });
  return [
    logged("4", {
      kind: "alert.reminder",
      state: "waiting",
      written_at_s: now - 60,
      due_at_s: now + 600,
      ended_at_s: null,
      attempts: 2,
      why: "there was no answer in time",
    }),
    logged("3", { kind: "alert.opened", state: "delivered", written_at_s: now - 1190, messages: 4 }),
    logged("2", {
      kind: "alert.opened",
      state: "dropped",
      written_at_s: now - 80_000,
      why: "superseded",
      attempts: 0,
    }),
    logged("1", {
      kind: "channel.test",
      state: "dead",
      written_at_s: now - 90_000,
      why: "the answer is 404",
    }),
  ];
}

const TEMPLATES = [
  [
    "airing",
    "Sagen, wann ein Raum gelüftet werden sollte",
    "Wenn die Luft während der Nutzungszeit fünf Minuten lang schlechter ist, als die Norm des Raums sie noch gut nennt.",
  ],
  [
    "sensors",
    "Sagen, wenn ein Sensor verstummt oder Pflege braucht",
    "Wenn ein Sensor sich nicht mehr meldet, unglaubwürdige Werte liefert oder seine Batterie bald leer ist.",
  ],
  [
    "collection",
    "Klima einer Sammlung",
    "Wenn es in einem Raum trockener als 40 % oder feuchter als 60 % ist, kälter als 16 °C oder wärmer als 25 °C, je eine halbe Stunde lang.",
  ],
] as const;

/** The answer to what is asked of alerts; undefined where it is about something else. */
export function alertsApi(
  url: URL,
  now: number,
  owner: boolean,
  quiet: boolean,
  many: Page,
  single: One,
): unknown {
  const [kind, id] = url.pathname.replace("/api/v1/", "").split("/");
  const of = (name: string) => url.searchParams.get(`filter[${name}]`);
  const find = (all: { id: string }[]) => single(all.find((one) => one.id === id));
  switch (kind) {
    case "alert-rules":
      return id ? find(RULES) : many(quiet ? [] : RULES);
    case "alert-episodes": {
      const all = quiet ? [] : episodes(now);
      if (id) return find(all);
      return many(
        all.filter(
          ({ attributes, relationships }) =>
            String(attributes.closed_at_s === null) === of("open") &&
            (!of("room") || relationships.room.data.id === of("room")) &&
            (!of("node") || relationships.node.data.id === of("node")),
        ),
      );
    }
    case "alert-templates":
      return many(
        TEMPLATES.map(([template, name, description]) => ({
          type: "AlertTemplate",
          id: template,
          attributes: { name, description, rule_count: 1 },
        })),
      );
    case "notification-channels":
      return id ? find(channels(now, owner)) : many(channels(now, owner));
    case "notifications":
      return id ? find(log(now)) : many(log(now));
    default:
      return undefined;
  }
}
