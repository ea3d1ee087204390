"use strict";
// Sends what the form says and shows the answer. Without this script the page
// still shows documents and links.
const form = document.querySelector("#try");
const method = form.elements.method;
const body = form.elements.body;
const samples = JSON.parse(form.dataset.bodies);
const output = document.querySelector("#answer");

function suggest() {
  const sample = samples[method.value];
  body.closest(".field").hidden = sample === undefined;
  body.value = sample === undefined ? "" : JSON.stringify(sample, null, 2);
}

method.addEventListener("change", suggest);
suggest();
form.hidden = false;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const url = form.elements.url.value;
  if (method.value === "GET") {
    location.assign(url);
    return;
  }
  const token = document.cookie.match(/(?:^|; )__Host-csrftoken=([^;]*)/) ?? document.cookie.match(/(?:^|; )csrftoken=([^;]*)/);
  const headers = { Accept: "application/vnd.api+json" };
  if (body.value) headers["Content-Type"] = "application/vnd.api+json";
  if (token) headers["X-CSRFToken"] = decodeURIComponent(token[1]);
  output.hidden = false;
  try {
    const answer = await fetch(url, { method: method.value, headers, body: body.value || undefined });
    const text = await answer.text();
    let shown = text;
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // Not JSON: as it came.
    }
    output.textContent = `${answer.status} ${answer.statusText}\n\n${shown}`;
  } catch (problem) {
    output.textContent = String(problem);
  }
  output.focus();
});
