import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, apiUrl, create, get, list, operate, remove } from "../../src/lib/api/client";
import { csrfToken } from "../../src/lib/api/csrf";
import { toInstallation } from "../../src/lib/api/installations";
import { toSample } from "../../src/lib/api/samples";
import { parseLive } from "../../src/lib/live/listen";

const answers: { status?: number; body?: unknown }[] = [];
const calls: [string, RequestInit][] = [];

beforeEach(() => {
  answers.length = calls.length = 0;
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    calls.push([url, init]);
    const { status = 200, body } = answers.shift() ?? {};
    const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    return Promise.resolve(new Response(text, { status }));
  });
  document.cookie = "csrftoken=abc";
});
afterEach(() => vi.unstubAllGlobals());

test("the cookie that only this host can set goes first", () => {
  const cookies = vi.spyOn(document, "cookie", "get");
  for (const [all, want] of [
    ["csrftoken=planted; __Host-csrftoken=ours", "ours"],
    ["a=1; csrftoken=old", "old"],
    ["xcsrftoken=other", undefined],
  ] as const) {
    cookies.mockReturnValue(all);
    expect(csrfToken()).toBe(want);
  }
  cookies.mockRestore();
});

test("operations go in one request, and know what was added", async () => {
  const resource = (type: string, id: string) => ({ data: { type, id, attributes: {} } });
  answers.push({ body: { "atomic:results": [resource("Address", "7"), resource("Site", "8")] } });
  const results = await operate([
    { op: "add", type: "Address", lid: "a", attributes: { city: "Berlin" } },
    {
      op: "update",
      type: "Site",
      id: "8",
      attributes: {},
      relationships: { address: { type: "Address", lid: "a" } },
    },
  ]);
  expect(results.map(({ id }) => id)).toEqual(["7", "8"]);
  const [[url, init]] = calls as [[string, RequestInit]];
  expect(url).toBe("/api/v1/operations/");
  expect((init.headers as Record<string, string>)["Content-Type"]).toContain(
    'ext="https://jsonapi.org/ext/atomic"',
  );
  expect(JSON.parse(init.body as string)).toEqual({
    "atomic:operations": [
      { op: "add", data: { type: "Address", lid: "a", attributes: { city: "Berlin" } } },
      {
        op: "update",
        data: {
          type: "Site",
          id: "8",
          attributes: {},
          relationships: { address: { data: { type: "Address", lid: "a" } } },
        },
      },
    ],
  });
});

test("queries leave out what is not given", () => {
  expect(apiUrl("rooms/", { "filter[site]": "1", "filter[room]": undefined, "page[size]": 5 })).toBe(
    "/api/v1/rooms/?filter%5Bsite%5D=1&page%5Bsize%5D=5",
  );
});

test("a list is fetched to its end", async () => {
  const page = (number: number) => ({
    body: {
      data: [{ type: "Room", id: String(number), attributes: {} }],
      meta: { pagination: { page: number, pages: 2, count: 2 } },
    },
  });
  answers.push(page(1), page(2));
  const { data } = await list("rooms/");
  expect(data.map((one) => one.id)).toEqual(["1", "2"]);
  expect(calls).toHaveLength(2);
});

test("writing sends the document and the token against forgery, reading does not", async () => {
  answers.push(
    { status: 201, body: { data: { type: "Room", id: "1", attributes: {} } } },
    { body: { data: { id: "1" } } },
  );
  await create("rooms/", "Room", {
    attributes: { name: "A" },
    relationships: { site: { type: "Site", id: "2" } },
  });
  await get("rooms/1/");
  const [[, write], [, read]] = calls as [[string, RequestInit], [string, RequestInit]];
  expect(JSON.parse(write.body as string)).toEqual({
    data: {
      type: "Room",
      attributes: { name: "A" },
      relationships: { site: { data: { type: "Site", id: "2" } } },
    },
  });
  expect((write.headers as Record<string, string>)["X-CSRFToken"]).toBe("abc");
  expect((read.headers as Record<string, string>)["X-CSRFToken"]).toBeUndefined();
});

describe("errors", () => {
  test("tell the field they are about", async () => {
    answers.push({
      status: 400,
      body: {
        errors: [{ code: "unique", detail: "Gibt es schon.", source: { pointer: "/data/attributes/name" } }],
      },
    });
    const error = await create("rooms/", "Room", {}).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).about("name")).toBe("Gibt es schon.");
    expect((error as ApiError).about("site")).toBeUndefined();
  });
  test("survive a proxy's page", async () => {
    answers.push({ status: 502, body: "<html>Bad Gateway</html>" });
    await expect(get("rooms/")).rejects.toMatchObject({ status: 502, errors: [] });
  });
  test("an unreachable server is status 0", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(remove("rooms/1/")).rejects.toMatchObject({ status: 0 });
  });
});

test("an open end is null, decimals become numbers", () => {
  const one = toInstallation({
    type: "Installation",
    id: "1",
    attributes: {
      from_timestamp_s: 10,
      to_timestamp_s: 2147483647,
      latest_sample: {
        timestamp_s: 5,
        co2_ppm: 700,
        temperature_celsius: "21.5",
        rel_humidity_percent: null,
      },
    },
  });
  expect(one.to).toBeNull();
  expect(one.latest).toEqual({ time: 5, co2: 700, temperature: 21.5, humidity: null });
  expect(toSample({ co2_ppm: 5 })).toBeNull();
});

test.each([
  ["no JSON", "{", []],
  ["nothing we know", '{"a":1}', []],
  ["null", "null", []],
  [
    "a sample",
    '{"installation_id":7,"timestamp_s":5,"co2_ppm":700}',
    [{ installationId: "7", sample: { time: 5, co2: 700, temperature: null, humidity: null } }],
  ],
])("a live event with %s", (_, text, want) => expect(parseLive(text)).toEqual(want));
