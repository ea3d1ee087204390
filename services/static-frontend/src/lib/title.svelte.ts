/** Sets the title of the window while a component is there. */
export function title(of: () => string | undefined): void {
  $effect(() => {
    const text = of();
    document.title = text ? `${text} · Clair` : "Clair";
  });
}
