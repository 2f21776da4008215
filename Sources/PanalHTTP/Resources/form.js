// Makes a program's form livelier: it says at once what is wrong, shows the fields that are asked for, takes files that are dropped on it and
// tells how far they have gone. Without it the form works as it stands; what it says comes from the server with the rules.
"use strict";
(() => {
  // As the server tells them; and with the fields of each block as often as it stands in the form.
  let base, rules, phrases, words, labels;
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
  const blocks = () => rules.repeats ?? [];
  const values = () => Object.fromEntries(
    rules.inputs.map((id) => [id, valuesOf(id)]).concat(blocks().map(({ id }) => [id, [String(timesOf(id).length)]])));

  const boxOf = (id) => form.querySelector(`[data-field="${id}"], [data-block="${id}"]`);
  const timesOf = (id) => Array.from(boxOf(id).querySelectorAll("[data-time]"));
  const lay = () => {
    rules = base;
    rules = PanalRules.unrolled(base, Object.fromEntries(blocks().map(({ id }) => [id, timesOf(id).length])));
  };

  // Fields that are not asked for are put away, and so is a heading of which nothing is left; what was filled in stays for another time.
  const show = (away) => {
    for (const id of rules.inputs) {
      const box = boxOf(id);
      if (!box) continue;
      box.hidden = away.has(id);
      box.classList.toggle("swept", id === swept());
      for (const control of controls(id)) control.disabled = box.hidden || id === swept();
    }
    for (const { id } of blocks()) boxOf(id).hidden = away.has(id);
    for (const section of form.querySelectorAll("[data-section]")) {
      section.hidden = !Array.from(section.querySelectorAll("[data-field], [data-block]")).some((box) => !box.hidden);
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
    const all = rules.inputs.concat(blocks().map(({ id }) => id));
    for (const id of all) if (isTried || touched.has(id)) tell(id, mistakes[id] ?? []);
    return all.filter((id) => mistakes[id]);
  };

  // Blocks that are given several times

  const attributes = ["id", "name", "for", "list", "aria-describedby", "data-field", "value"];
  // Makes one of a block's repetitions the one with this number: names, ids, and what people read.
  const renumber = (time, id, index) => {
    const wanted = new RegExp(`(^|\\s|field-)${id}\\.(?:\\d+|N)(?=\\.|$)`, "g");
    // A file that is taken again is named by where it goes and, behind the sign, by where it was.
    const target = new RegExp(`^${id}\\.(?:\\d+|N)(?=\\.|$)`);
    for (const element of time.querySelectorAll("*")) {
      const isOwn = element.name === "_keep" || element.name === "_less";
      for (const name of attributes) {
        const text = element.getAttribute(name);
        if (text === null || (name === "value") !== (name === "value" && isOwn)) continue;
        element.setAttribute(name, name === "value" ? text.replace(target, `${id}.${index}`) : text.replace(wanted, `$1${id}.${index}`));
      }
      if ("number" in element.dataset) element.textContent = String(index + 1);
    }
  };
  const settle = (id) => {
    const block = blocks().find((one) => one.id === id);
    const times = timesOf(id);
    boxOf(id).querySelector("[data-count]").value = String(times.length);
    boxOf(id).querySelector("[data-more]").disabled = times.length >= block.maxItems;
    for (const time of times) time.querySelector("[name=_less]").disabled = times.length <= block.minItems;
    touched.add(id);
    lay();
    look();
  };
  const say = (id, text, index) => {
    const block = blocks().find((one) => one.id === id);
    boxOf(id).querySelector("[role=status]").textContent = text.replace("%1", `${block.name} ${index + 1}`);
  };
  const more = (id) => {
    const box = boxOf(id);
    const index = timesOf(id).length;
    const part = box.querySelector("template").content.cloneNode(true);
    renumber(part, id, index);
    box.querySelector("[data-times]").append(part);
    const time = timesOf(id)[index];
    lay();
    equip(time);
    settle(id);
    say(id, words.added, index);
    time.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  };
  const less = (id, time) => {
    const index = timesOf(id).indexOf(time);
    time.remove();
    timesOf(id).slice(index).forEach((other, place) => renumber(other, id, index + place));
    // Who has been at a field has been at it where it stands now.
    touched = new Set(Array.from(touched).flatMap((name) => {
      const [block, number, field] = name.split(".");
      if (block !== id || field === undefined || Number(number) < index) return [name];
      return Number(number) === index ? [] : [`${block}.${Number(number) - 1}.${field}`];
    }));
    settle(id);
    say(id, words.removed, index);
    const next = timesOf(id)[Math.min(index, timesOf(id).length - 1)]?.querySelector("[name=_less]");
    (next && !next.disabled ? next : boxOf(id).querySelector("[data-more]")).focus();
  };
  const onClick = (event) => {
    const button = event.target.closest("[data-more], [name=_less]");
    if (!button) return;
    const id = button.closest("[data-block]").dataset.block;
    if ("more" in button.dataset) more(id);
    else less(id, button.closest("[data-time]"));
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
    Element.prototype.prepend.call(form, box);
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
      PanalUpload.lead();
    },
  });

  // Long lists of choices

  const offer = (input) => {
    const id = input.name;
    const all = rules.fields[id].choices.map((value, place) => ({ value, label: labels[id.split(".").at(-1)]?.[place] ?? value }))
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
    const id = event.target.name === "_keep" ? event.target.value.split("=")[0] : event.target.name;
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
      const block = form.querySelector(`[data-block="${wrong[0]}"]`);
      (block ? block.querySelector("[data-more]") : controls(wrong[0])[0])?.focus();
      return;
    }
    notice("");
    if (Array.from(form.querySelectorAll("input[type=file]")).some((input) => !input.disabled && input.files.length > 0)) {
      event.preventDefault();
      send();
    }
  };

  // What fields need besides; a button that would ask the server for one more of a block asks this script.
  const equip = (part) => {
    for (const input of part.querySelectorAll("input[type=file]")) {
      takeDrops(input);
      fileList(input);
    }
    for (const input of part.querySelectorAll("input[list]")) offer(input);
    for (const button of part.querySelectorAll("[data-more], [name=_less]")) button.type = "button";
  };

  const begin = (found) => {
    form = found;
    // Fields that came back with a mistake keep it until somebody has been at them.
    touched = new Set();
    isTried = false;
    form.noValidate = true;
    lay();
    equip(form);
    form.addEventListener("click", onClick);
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
    ({ rules: base, phrases, words, labels } = await answer.json());
    begin(found);
  };
  start();
})();
