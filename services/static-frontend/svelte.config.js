// The editor, svelte-check and Vite read the same settings from here.
export default {
  compilerOptions: { runes: ({ filename }) => (filename.includes("node_modules") ? undefined : true) },
};
