// What may be chosen of a site or a room, where otherwise holds what was chosen above it.
interface Option {
  value: string;
  label: string;
}

/** The empty choice, called what holds then, before those that are known; undefined: not yet, or not to be had. */
export function inherited(label: string, known: Option[] | undefined, chosen: string): Option[] {
  // What is chosen stays chosen.
  return [{ value: "", label }, ...(known ?? (chosen ? [{ value: chosen, label: chosen }] : []))];
}
