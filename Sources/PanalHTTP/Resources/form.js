// Makes a program's form livelier: it says at once what is wrong, shows the fields that are asked for, takes files that are dropped on it and
// tells how far they have gone. Without it the form works as it stands; what it says comes from the server with the rules.
"use strict";
(() => {
  let rules, phrases, words, labels;
  let form;
  let touched;
  let isTried;

  // What stands in the form, by id, as the server will understand it.
  // The field that changes from run to run, where many are wanted, and the first of its values.
  const swept = () => form.querySelector("[name=_sweep]")?.value ?? "";
  const firstSwept = () => {
    const lines = form.querySelector("[name=_sweep_values]").value.split("\n").filter((line) => line.trim() !== "");
    const from = form.querySelector("[name=_sweep_from]").value;
    return lines.slice(0, 1).concat(lines.length === 0 && from !== "" ? [from] : []);
  };

  const controls = (id) => Array.from(form.querySelectorAll(`[name="${id}"]`));
  const valuesOf = (id) => {
    const field = rules.fields[id];
    const all = controls(id);
    const first = all[0];
    if (!first) return [];
    if (id === swept()) return firstSwept();
    if (first.type === "file") {
      const kept = boxOf(id).querySelector("input[name=_keep]");
      return first.files.length === 0 && kept?.checked ? JSON.parse(kept.dataset.files) : Array.from(first.files);
    }
    if (first.type === "radio" || (first.type === "checkbox" && field.choices)) {
      return all.filter((box) => box.checked).map((box) => box.value);
    }
    if (first.type === "checkbox") return [first.checked ? "true" : "false"];
    // What a browser does not take for a number it keeps to itself.
    if (first.validity.badInput) return ["…"];
    if (field.list) return first.value.split("\n").filter((line) => line !== "");
    return first.value === "" ? [] : [first.value];
  };
  const values = () => Object.fromEntries(rules.inputs.map((id) => [id, valuesOf(id)]));

  const boxOf = (id) => form.querySelector(`[data-field="${id}"]`);

  // Fields that are not asked for are put away, and so is a heading of which nothing is left; what was filled in stays for another time.
  const show = (away) => {
    for (const id of rules.inputs) {
      const box = boxOf(id);
      if (!box) continue;
      box.hidden = away.has(id);
      box.classList.toggle("swept", id === swept());
      for (const control of controls(id)) control.disabled = box.hidden || id === swept();
    }
    for (const section of form.querySelectorAll("[data-section]")) {
      section.hidden = !Array.from(section.querySelectorAll("[data-field]")).some((box) => !box.hidden);
    }
  };

  const tell = (id, found) => {
    const box = boxOf(id);
    if (!box) return;
    const text = found.map((mistake) => PanalRules.told(phrases, rules.fields[id], mistake)).join(" ");
    const name = `field-${id}-mistake`;
    let line = document.getElementById(name);
    if ((line?.textContent ?? "") === text) return;
    if (text === "") {
      line.remove();
    } else {
      if (!line) {
        line = document.createElement("p");
        line.className = "mistake";
        line.id = name;
        box.querySelector("[data-notes]").append(line);
      }
      line.textContent = text;
    }
    box.classList.toggle("wrong", text !== "");
    const holder = box.matches("fieldset") ? [box] : controls(id);
    for (const control of holder) {
      const others = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((other) => other !== "" && other !== name);
      if (text !== "") others.push(name);
      if (others.length > 0) control.setAttribute("aria-describedby", others.join(" "));
      else control.removeAttribute("aria-describedby");
      if (box.matches("fieldset")) continue;
      if (text !== "") control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  };

  // Judges all of it; says what is wrong with what somebody has been at. Answers the ids of all that is wrong.
  const look = () => {
    const { mistakes, hidden, unclear } = PanalRules.judge(rules, values());
    show(new Set([...hidden, ...unclear]));
    for (const id of hidden) delete mistakes[id];
    // Its values are many, and the server's to judge.
    delete mistakes[swept()];
    for (const id of rules.inputs) if (isTried || touched.has(id)) tell(id, mistakes[id] ?? []);
    return rules.inputs.filter((id) => mistakes[id]);
  };

  const notice = (text) => {
    document.getElementById("form-notice")?.remove();
    if (text === "") return;
    const box = document.createElement("div");
    box.id = "form-notice";
    box.className = "notice bad";
    box.setAttribute("role", "alert");
    const line = document.createElement("p");
    line.textContent = text;
    box.append(line);
    form.prepend(box);
  };

  // Files

  const fileList = (input) => {
    const box = boxOf(input.name);
    let list = box.querySelector("ul.chosen");
    if (!list) {
      list = document.createElement("ul");
      list.className = "chosen";
      box.append(list);
    }
    list.replaceChildren(...Array.from(input.files).map((file) => {
      const entry = document.createElement("li");
      const name = document.createElement("bdi");
      name.textContent = file.name;
      entry.append(name, ` ${PanalRules.size(file.size)}`);
      return entry;
    }));
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const takeDrops = (input) => {
    const box = boxOf(input.name);
    const hint = document.createElement("p");
    hint.className = "drop-hint";
    hint.textContent = words.dropHere;
    input.after(hint);
    box.classList.add("drop");
    let depth = 0;
    box.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      depth += 1;
      box.classList.add("over");
    });
    box.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth -= 1;
      if (depth <= 0) box.classList.remove("over");
    });
    box.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    box.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      box.classList.remove("over");
      const taken = new DataTransfer();
      const files = Array.from(event.dataTransfer.files);
      for (const file of input.multiple ? [...input.files, ...files] : files.slice(0, 1)) taken.items.add(file);
      input.files = taken.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  };

  const send = () => PanalUpload.send(form, {
    words, told: notice, size: PanalRules.size,
    // Mistakes stand at their fields.
    arrived: (page, files) => {
      const next = PanalUpload.replace(page, files, "form[data-rules]");
      if (next) begin(next);
      document.querySelector("[role=alert]")?.scrollIntoView();
    },
  });

  // Long lists of choices

  const offer = (input) => {
    const id = input.name;
    const all = rules.fields[id].choices.map((value, place) => ({ value, label: labels[id]?.[place] ?? value }))
      .map((choice) => ({ ...choice, found: `${choice.value}\n${choice.label}`.toLowerCase() }));
    const list = document.getElementById(input.getAttribute("list"));
    const fill = () => {
      const wanted = input.value.toLowerCase();
      const some = [];
      for (const choice of all) {
        if (some.length === 50) break;
        if (choice.found.includes(wanted)) some.push(choice);
      }
      list.replaceChildren(...some.map((choice) => {
        const option = document.createElement("option");
        option.value = choice.value;
        if (choice.label !== choice.value) option.label = choice.label;
        return option;
      }));
    };
    input.addEventListener("input", fill);
    fill();
  };

  const onChange = (event) => {
    const id = event.target.name === "_keep" ? event.target.value : event.target.name;
    if (id.startsWith("_sweep")) look();
    if (!(id in rules.fields)) return;
    if (event.type === "change") {
      touched.add(id);
      if (event.target.type === "file") fileList(event.target);
    }
    look();
  };

  const onSubmit = (event) => {
    isTried = true;
    const wrong = look();
    if (wrong.length > 0) {
      event.preventDefault();
      notice(words.wrong);
      const first = controls(wrong[0])[0];
      first?.focus();
      return;
    }
    notice("");
    if (Array.from(form.querySelectorAll("input[type=file]")).some((input) => !input.disabled && input.files.length > 0)) {
      event.preventDefault();
      send();
    }
  };

  const begin = (found) => {
    form = found;
    // Fields that came back with a mistake keep it until somebody has been at them.
    touched = new Set();
    isTried = false;
    form.noValidate = true;
    for (const input of form.querySelectorAll("input[type=file]")) {
      takeDrops(input);
      fileList(input);
    }
    for (const input of form.querySelectorAll("input[list]")) offer(input);
    form.addEventListener("input", onChange);
    form.addEventListener("change", onChange);
    form.addEventListener("submit", onSubmit);
    look();
    form.setAttribute("data-ready", "true");
  };

  const start = async () => {
    const found = document.querySelector("form[data-rules]");
    if (!found) return;
    const answer = await fetch(found.getAttribute("data-rules"), { credentials: "same-origin" });
    if (!answer.ok) return;
    ({ rules, phrases, words, labels } = await answer.json());
    begin(found);
  };
  start();
})();
