// What rules and episodes say, in plain words.
import {
  QUANTITIES,
  takes,
  type AlertQuantity,
  type Condition,
  type Episode,
  type RuleDraft,
} from "./api/alerts";
import { formatNumber, formatTime, i18n, t } from "./i18n/index.svelte";

/** How far a value has to come back where a rule does not say it, as managair has it. */
export const HYSTERESIS: Record<AlertQuantity, number> = {
  co2_ppm: 100,
  temperature_celsius: 0.5,
  rel_humidity_percent: 2,
};
/** Seconds that a measured value has to be so where a rule does not say it, as managair has it. */
export const DEFAULT_FOR_S = 600;

/** What happened to an account's channels and rules is at no site: times are those of the reader. */
export const readersZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const readersTime = (unixS: number) => formatTime(unixS, readersZone);

export function formatDuration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  const [value, unit] =
    minutes < 120
      ? [minutes, "minute"]
      : minutes < 2 * 1440 || minutes % 1440
        ? [minutes / 60, "hour"]
        : [minutes / 1440, "day"];
  return new Intl.NumberFormat(i18n.region, {
    style: "unit",
    unit,
    unitDisplay: "long",
    maximumFractionDigits: 1,
  }).format(value);
}

/** A figure of a rule or an episode with its unit. */
export function figure(condition: Condition, quantity: AlertQuantity | null, value: number): string {
  const unit =
    condition === "battery"
      ? "%"
      : condition === "swing" && quantity === "rel_humidity_percent"
        ? t("rule.points")
        : t(`unit.${QUANTITIES[quantity ?? "co2_ppm"]}`);
  return `${formatNumber(value, Number.isInteger(value) ? 0 : 1)}\u00a0${unit}`;
}

/** What is not said leaves no gap. */
const joined = (text: string) => text.replace(/ +/g, " ").replace(/ ,/g, ",");

/** The sentence of what is told, and those of when it is over, repeated, or not told. */
export function ruleSentences(rule: RuleDraft, name: string): string[] {
  const has = takes(rule.condition);
  const { kind } = rule.scope;
  const said = [firstSentence(rule, name)];
  if ((rule.condition === "above" || rule.condition === "below") && rule.threshold !== null) {
    const back = rule.hysteresis ?? HYSTERESIS[rule.quantity ?? "co2_ppm"];
    const limit = rule.condition === "above" ? rule.threshold - back : rule.threshold + back;
    said.push(t(`rule.over.${rule.condition}`, { limit: figure(rule.condition, rule.quantity, limit) }));
  }
  said.push(t(rule.tellRecovery ? "rule.recovery" : "rule.noRecovery"));
  if (rule.remindAfterS) said.push(t("rule.remind", { time: formatDuration(rule.remindAfterS) }));
  if (rule.quietFrom && rule.quietTo && rule.quietFrom !== rule.quietTo)
    said.push(t("rule.quiet", { from: rule.quietFrom, to: rule.quietTo }));
  if (has.occupied && rule.occupiedOnly && kind !== "node") said.push(t("rule.occupiedUnknown"));
  return said;
}

function firstSentence(rule: RuleDraft, name: string): string {
  const has = takes(rule.condition);
  const { kind } = rule.scope;
  const seconds = rule.forS ?? (has.occupied ? DEFAULT_FOR_S : 0);
  const values = {
    quantity: t(`rule.quantity.${QUANTITIES[rule.quantity ?? "co2_ppm"]}`),
    where: t(`rule.where.${kind}`, { name }),
    who: t(`rule.who.${kind}`, { name }),
    of: t(`rule.of.${kind}`, { name }),
    during: has.occupied && rule.occupiedOnly ? t("rule.during") : "",
    duration: has.duration && seconds ? t("rule.duration", { time: formatDuration(seconds) }) : "",
    limit: rule.threshold === null ? "…" : figure(rule.condition, rule.quantity, rule.threshold),
    tell: t(rule.personal ? "rule.tell.own" : "rule.tell.organization"),
  };
  const silent = rule.condition === "silent" && seconds > 0 ? "rule.say.silentFor" : undefined;
  const text = joined(t(silent ?? `rule.say.${rule.condition}`, values));
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What is, or was, so. */
export function episodeText(episode: Episode): string {
  const { condition, quantity, threshold, worst, value } = episode;
  const of = (one: number | null) => (one === null ? "…" : figure(condition, quantity, one));
  return t(`episode.say.${condition}`, {
    quantity: quantity ? t(`quantity.${QUANTITIES[quantity]}`) : "",
    limit: of(threshold),
    worst: of(worst ?? value),
    value: of(value),
    sensor: episode.sensor,
  });
}

export const placeOf = (episode: Episode): string =>
  [episode.room, episode.site].filter(Boolean).join(", ") || episode.sensor;
