// Scales as the API gives them.
import { toScale } from "../../src/lib/scale";

const scale = (profile: string, ...levels: object[]) => toScale({ profile, levels })!;

export const scales = {
  uba: scale(
    "de-uba",
    { role: "good", below_ppm: 1000 },
    { role: "elevated", up_to_ppm: 2000 },
    { role: "high" },
  ),
  be: scale("be", { role: "good", below_ppm: 900 }, { role: "elevated", below_ppm: 1200 }, { role: "high" }),
  fr: scale(
    "fr-evaluation",
    { role: "good", below_ppm: 800 },
    { role: "elevated", up_to_ppm: 1500 },
    { role: "high" },
  ),
  en: scale(
    "en-16798",
    { role: "good", up_to_ppm: 970 },
    { role: "good", up_to_ppm: 1220 },
    { role: "elevated", up_to_ppm: 1770 },
    { role: "high" },
  ),
};
