import { describe, expect, test } from "vitest";
import { newRule, type RuleDraft } from "../../src/lib/api/alerts";
import { figure, formatDuration, ruleSentences } from "../../src/lib/alertwords";
import { i18n } from "../../src/lib/i18n/index.svelte";

const rule = (over: Partial<RuleDraft>): RuleDraft => ({ ...newRule(), ...over });
/** Figures and their units are kept together by a space that does not break. */
const plain = (text: string) => text.replaceAll("\u00a0", " ");
const inRoom = { kind: "room", id: "1" } as const;

describe("a rule says in plain words what it will do", () => {
  test.each<[string, Partial<RuleDraft>, string]>([
    [
      "bad air, in occupied time",
      { scope: inRoom, forS: 300 },
      "Wenn die Luft in „Aula“ während der Nutzungszeit 5 Minuten lang schlechter ist, als die Norm des Raums sie noch gut nennt, wird es Ihnen gesagt.",
    ],
    [
      "a limit, for the time that holds where nothing is said",
      { condition: "above", quantity: "co2_ppm", threshold: 1200, occupiedOnly: false },
      "Wenn das CO₂ in irgendeinem Raum 10 Minuten lang über 1200 ppm liegt, wird es Ihnen gesagt.",
    ],
    [
      "at once",
      {
        condition: "below",
        quantity: "temperature_celsius",
        threshold: 17.5,
        forS: 0,
        occupiedOnly: false,
        personal: false,
      },
      "Wenn die Temperatur in irgendeinem Raum unter 17,5 °C liegt, wird es über die Kanäle der Organisation gesagt.",
    ],
    [
      "a swing in percentage points, to which duration and occupied time mean nothing",
      { condition: "swing", quantity: "rel_humidity_percent", threshold: 20, forS: 600 },
      "Wenn sich die Luftfeuchte in irgendeinem Raum innerhalb von 24 Stunden um mehr als 20 Prozentpunkte ändert, wird es Ihnen gesagt.",
    ],
    [
      "silence",
      { condition: "silent", scope: { kind: "node", id: "x" } },
      "Wenn sich der Sensor „Aula“ länger als doppelt so lange wie üblich nicht meldet, wird es Ihnen gesagt.",
    ],
    [
      "a battery",
      { condition: "battery", threshold: 10, scope: inRoom },
      "Wenn die Batterie eines Sensors in „Aula“ unter 10 % fällt oder voraussichtlich in weniger als 28 Tagen leer ist, wird es Ihnen gesagt.",
    ],
  ])("%s", (_, over, want) => {
    expect(plain(ruleSentences(rule(over), "Aula")[0]!)).toBe(want);
  });

  test("when it is over, how often it is repeated, and when it is quiet", () => {
    const said = ruleSentences(
      rule({
        condition: "above",
        quantity: "co2_ppm",
        threshold: 1000,
        occupiedOnly: false,
        remindAfterS: 86_400,
        tellRecovery: false,
        quietFrom: "22:00",
        quietTo: "07:00",
      }),
      "",
    );
    expect(said.slice(1).map(plain)).toEqual([
      "Vorbei ist es, wenn fünf Minuten lang höchstens 900 ppm gemessen werden.",
      "Dass es vorbei ist, wird nicht gesagt.",
      "Solange niemand „Ist bekannt“ tippt, wird alle 24 Stunden daran erinnert.",
      "Zwischen 22:00 und 07:00 Uhr bleibt es still; was danach noch so ist, wird dann gesagt.",
    ]);
  });

  test("in English, too", async () => {
    await i18n.use("en");
    expect(ruleSentences(rule({ forS: 300, scope: inRoom }), "Hall")[0]).toBe(
      "When the air in “Hall” is worse than what the norm of the room calls good for 5 minutes while people are there, you are told.",
    );
    await i18n.use("de");
  });
});

test.each([
  [60, "1 Minute"],
  [5400, "90 Minuten"],
  [14_400, "4 Stunden"],
  [86_400, "24 Stunden"],
  [604_800, "7 Tage"],
])("%d seconds are %s", (seconds, want) => {
  expect(formatDuration(seconds)).toBe(want);
});

test("a figure has the unit of what it is about", () => {
  expect(plain(figure("profile", null, 1240))).toBe("1240 ppm");
  expect(plain(figure("below", "temperature_celsius", 16.5))).toBe("16,5 °C");
  expect(plain(figure("swing", "rel_humidity_percent", 20))).toBe("20 Prozentpunkte");
  expect(plain(figure("battery", null, 8))).toBe("8 %");
});
