// Sends forms with files and tells how far they have gone; without it the browser sends them as they stand.
"use strict";
const PanalUpload = (() => {
  const mebibytes = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`;

  // Not the property: a field may be called so.
  const address = (form) => form.getAttribute("action");

  // Goes where the server says. `told` hears why nothing came of it, "" where somebody stopped it; `arrived` gets the page that the
  // server answers with instead.
  const send = (form, { words, told, arrived, size = mebibytes }) => {
    const request = new XMLHttpRequest();
    const box = document.createElement("div");
    box.className = "upload";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", words.uploading);
    const text = document.createElement("span");
    text.textContent = words.uploading;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.textContent = words.stop;
    box.append(bar, text, stop);
    const button = form.querySelector("button.primary, button[type=submit]:not([aria-hidden])");
    // For those who do not see the bar: at the begin, and at each quarter.
    const said = document.createElement("span");
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
    box.append(said);
    button.after(box);
    // A button that is disabled loses the keyboard: it goes to the one that can be pressed now, and comes back.
    const hadFocus = form.contains(document.activeElement);
    button.disabled = true;
    if (hadFocus) stop.focus();
    said.textContent = words.uploading;
    const over = (problem) => {
      const isHere = box.contains(document.activeElement);
      box.remove();
      button.disabled = false;
      if (isHere) button.focus();
      told(problem);
    };
    stop.addEventListener("click", () => request.abort());
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      const quarter = `${words.uploading} ${Math.floor(bar.value * 4) * 25} %`;
      if (bar.value >= 0.25 && said.textContent !== quarter) said.textContent = quarter;
      text.textContent = `${size(event.loaded)} / ${size(event.total)}`;
    });
    request.addEventListener("abort", () => over(""));
    request.addEventListener("error", () => over(words.notSent));
    request.addEventListener("load", () => {
      const end = new URL(request.responseURL);
      if (request.status < 400 && end.pathname !== new URL(address(form), location.href).pathname) {
        location.assign(end.pathname + end.search);
        return;
      }
      arrived(request.responseText, new Map(Array.from(form.querySelectorAll("input[type=file]")).map((input) => [input.name, input.files])));
    });
    request.open("POST", address(form));
    request.send(new FormData(form));
  };

  // The page that the server answers with, in place of this one; answers its form, in which chosen files stay chosen.
  const replace = (page, files, selector) => {
    const other = new DOMParser().parseFromString(page, "text/html");
    const main = other.getElementById("main");
    if (!main) {
      location.reload();
      return null;
    }
    document.title = other.title;
    document.getElementById("main").replaceChildren(...main.childNodes);
    const next = document.querySelector(selector);
    if (!next) return null;
    for (const [name, list] of files) {
      const input = next.querySelector(`input[type=file][name="${name}"]`);
      if (input && list.length > 0) input.files = list;
    }
    return next;
  };

  // To what is said at the top of a page that has come in place of another.
  const lead = () => {
    const alert = document.querySelector("[role=alert]");
    if (!alert) return;
    alert.tabIndex = -1;
    alert.focus();
    alert.scrollIntoView();
  };

  // Forms that need nothing else.
  const begin = (form) => {
    const words = { uploading: form.dataset.uploading, stop: form.dataset.stop, notSent: form.dataset.notSent };
    const told = (problem) => {
      document.getElementById("form-notice")?.remove();
      if (problem === "") return;
      const line = document.createElement("p");
      line.id = "form-notice";
      line.className = "notice bad";
      line.setAttribute("role", "alert");
      line.textContent = problem;
      form.prepend(line);
    };
    const arrived = (page, files) => {
      const next = replace(page, files, "form[data-upload]");
      if (next) begin(next);
      lead();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      told("");
      send(form, { words, told, arrived });
    });
    form.setAttribute("data-ready", "true");
  };
  const found = document.querySelector("form[data-upload]");
  if (found) begin(found);

  return { send, replace, lead };
})();
