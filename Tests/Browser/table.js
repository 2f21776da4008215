// Runs the cases of one manifest through the page: by its engine, and by what its fields show when they are filled in.
async (cases) => {
  const form = document.querySelector("form[data-rules]");
  const { rules: base, phrases } = await (await fetch(form.dataset.rules)).json();
  const unrolled = (values) => PanalRules.unrolled(base, PanalRules.countsIn(base, values));
  const repeats = base.repeats ?? [];
  const wrong = [];
  let [judged, filled] = [0, 0];
  const differ = (left, right) => JSON.stringify(left) !== JSON.stringify(right);
  const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  const about = (row) => JSON.stringify(row).slice(0, 200);
  const asFile = (file) => ({ name: file.name, size: file.bytes, type: file.mediaType ?? "" });

  for (const row of cases) {
    const values = { ...row.values };
    for (const [id, files] of Object.entries(row.files ?? {})) values[id] = files.map(asFile);
    const rules = unrolled(values);
    const found = PanalRules.judge(base, values);
    const codes = Object.fromEntries(Object.entries(found.mistakes).map(([id, all]) => [id, all.map((one) => one.code)]));
    if (differ(sorted(codes), sorted(row.mistakes ?? {}))) wrong.push(`${about(row)}: ${JSON.stringify(codes)}`);
    if (differ([...found.hidden].sort(), (row.hidden ?? []).sort())) wrong.push(`${about(row)}: away are ${[...found.hidden]}`);
    for (const [id, all] of Object.entries(found.mistakes)) {
      for (const one of all) {
        const text = PanalRules.told(phrases, rules.fields[id], one);
        if (text === one.code || /%[1-9]/.test(text)) wrong.push(`${about(row)}: says ‘${text}’`);
        if (rules.fields[id]?.type === "secret" && (row.values[id] ?? []).some((secret) => secret.length > 4 && text.includes(secret))) wrong.push(`told: ${text}`);
      }
    }
    judged += 1;
  }

  // The same through the controls, as far as a browser lets them hold the values.
  XMLHttpRequest.prototype.send = () => {};
  let isSent;
  form.addEventListener("submit", (event) => {
    isSent = !event.defaultPrevented;
    event.preventDefault();
  });
  const controls = (id) => Array.from(form.querySelectorAll(`[name="${id}"]`));
  // As often as the case has them, by the buttons that people have for it.
  const timesOf = (id) => Array.from(form.querySelectorAll(`[data-block="${id}"] [data-time]`));
  const isAsOften = ({ id }, wanted) => {
    const more = form.querySelector(`[data-block="${id}"] [data-more]`);
    while (timesOf(id).length < wanted && !more.disabled) more.click();
    for (let one; timesOf(id).length > wanted; one.click()) {
      one = timesOf(id)[0].querySelector("[name=_less]");
      if (one.disabled) break;
    }
    return timesOf(id).length === wanted;
  };
  const isFull = (id, row, rules) => {
    const field = rules.fields[id];
    const all = controls(id);
    const wanted = row.values[id] ?? [];
    if (all[0].type === "file") {
      const files = new DataTransfer();
      for (const file of row.files?.[id] ?? []) {
        files.items.add(new File([new Uint8Array(file.bytes)], file.name, { type: file.mediaType ?? "" }));
      }
      all[0].files = files.files;
      return all[0].files.length === (row.files?.[id] ?? []).length && (all[0].multiple || all[0].files.length < 2);
    }
    if (all[0].type === "checkbox" && !field.choices) {
      all[0].checked = wanted.at(-1) === "true" || (wanted.length === 0 && field.default[0] === "true");
      return wanted.length < 2 && ["true", "false", undefined].includes(wanted[0]);
    }
    if (all[0].type === "radio" || all[0].type === "checkbox") {
      for (const box of all) box.checked = wanted.includes(box.value);
      return all.filter((box) => box.checked).length === wanted.length;
    }
    if (field.list) {
      all[0].value = wanted.join("\n");
      return all[0].value === wanted.join("\n");
    }
    // What is left out stands there as the default.
    const text = wanted[0] ?? field.default[0] ?? "";
    all[0].value = text;
    return wanted.length < 2 && all[0].value === text;
  };
  for (const row of cases) {
    // Those that hang on others are enabled again by themselves.
    const values = { ...row.values, ...row.files };
    const counts = PanalRules.countsIn(base, values);
    if (!repeats.map((block) => isAsOften(block, counts[block.id])).every((isRight) => isRight)) continue;
    const rules = unrolled(values);
    if (!rules.inputs.map((id) => isFull(id, row, rules)).every((isRight) => isRight)) continue;
    form.requestSubmit();
    const expected = Object.keys(row.mistakes ?? {}).filter((id) => !(row.hidden ?? []).includes(id)).sort();
    const boxes = Array.from(form.querySelectorAll("[data-field], [data-block]"));
    const name = (box) => box.dataset.field ?? box.dataset.block;
    const isWrong = (box) => box.querySelector(":scope > [data-notes] > .mistake") !== null;
    const shown = boxes.filter((box) => !box.hidden && isWrong(box)).map(name).sort();
    const away = boxes.filter((box) => box.hidden).map(name);
    if (differ(shown, expected)) wrong.push(`in the form ${about(row)}: shown at ${shown}`);
    for (const id of row.hidden ?? []) if (!away.includes(id)) wrong.push(`in the form ${about(row)}: ${id} is to be seen`);
    for (const id of away) if (rules.fields[id] && controls(id).some((control) => !control.disabled)) wrong.push(`in the form ${about(row)}: ${id} is sent`);
    const hasFiles = Array.from(form.querySelectorAll("input[type=file]")).some((input) => input.files.length > 0);
    if (isSent !== (expected.length === 0 && !hasFiles)) wrong.push(`in the form ${about(row)}: sent is ${isSent}`);
    document.querySelector(".upload")?.remove();
    form.querySelector("button[type=submit]").disabled = false;
    filled += 1;
  }
  return { wrong, judged, filled };
}
