// Judges what is filled in by the rules that the server tells as data, and says what the server would say. It knows no page. The server
// decides: what a browser cannot know exactly (whole numbers beyond 2^53, a key that stands twice in JSON) is left to it.
"use strict";
const PanalRules = (() => {
  const encoder = new TextEncoder();
  const byteCount = (text) => encoder.encode(text).length;
  const isFile = (value) => typeof value !== "string";
  const isEmpty = (value) => (isFile(value) ? value.name === "" && value.size === 0 : value === "");

  class Mistake {
    constructor(code, ...values) {
      this.code = code;
      this.values = values;
    }
  }
  // What was filled in stands in quotation marks; of a secret nothing is shown.
  const given = (text) => ({ given: text });

  // Values

  const number = (text) => {
    if (text.length > 64 || !/^[-0-9][-+.0-9eE]*$/.test(text)) return null;
    const value = Number(text);
    return Number.isFinite(value) ? value : null;
  };
  const smallest = -(2n ** 63n);
  const largest = 2n ** 63n - 1n;
  const integer = (text) => {
    if (!/^-?[0-9]{1,20}$/.test(text)) return null;
    const value = BigInt(text);
    return value < smallest || value > largest ? null : value;
  };
  const isDate = (text) => {
    const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
    if (!parts) return false;
    const [year, month, day] = parts.slice(1).map(Number);
    if (year < 1 || month < 1 || month > 12) return false;
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    return day >= 1 && day <= days[month - 1];
  };
  const isTime = (text) => /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(text);
  const isEmail = (text) => {
    const parts = text.split("@");
    if (parts.length !== 2 || byteCount(text) > 254 || parts[1] === "") return false;
    return /^[^\u0000-\u0020\u007f()<>[\]:;,\\"]+$/.test(parts[0]) && parts[1].split(".").every(
      (label) => /^(?:[\p{Alphabetic}\p{N}-]\p{M}*)+$/u.test(label) && !label.startsWith("-") && !label.endsWith("-"));
  };
  const isURL = (text) => /^https?:\/\/[^/?#]/iu.test(text) && !/[\u0000-\u0020\u007f<>"\\^`{|}]/.test(text);
  const isColour = (text) => /^#[0-9a-fA-F]{6}$/.test(text);
  const boolean = (text) => {
    const word = text.toLowerCase();
    if (["true", "on", "1", "yes"].includes(word)) return "true";
    return ["false", "off", "0", "no"].includes(word) ? "false" : null;
  };
  const isJSON = (text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  // Follows all ways through a pattern at once: the time grows with the value only, whatever its author wrote.
  const matches = (steps, text) => {
    let places = [];
    let seen;
    const enter = (start) => {
      const open = [start];
      while (open.length > 0) {
        const place = open.pop();
        if (seen[place]) continue;
        seen[place] = 1;
        const step = steps[place];
        if (step[0] === 3) open.push(step[1]);
        else if (step[0] === 2) open.push(step[2], step[1]);
        else places.push(place);
      }
    };
    const isIn = (step, scalar) => {
      for (let i = 1; i < step.length; i += 2) if (scalar >= step[i] && scalar <= step[i + 1]) return step[0] === 0;
      return step[0] === 1;
    };
    seen = new Uint8Array(steps.length);
    enter(0);
    for (const character of text) {
      const scalar = character.codePointAt(0);
      const reached = places;
      places = [];
      seen = new Uint8Array(steps.length);
      for (const place of reached) if (steps[place][0] < 2 && isIn(steps[place], scalar)) enter(place + 1);
      if (places.length === 0) return false;
    }
    return places.includes(steps.length - 1);
  };

  const bounds = (field) => [
    ["minimum", "atLeast", (order) => order >= 0], ["exclusiveMinimum", "moreThan", (order) => order > 0],
    ["maximum", "atMost", (order) => order <= 0], ["exclusiveMaximum", "lessThan", (order) => order < 0],
  ].filter(([key]) => key in field).map(([key, code, allows]) => ({ bound: field[key], code, allows }));
  const compare = (left, right) => (left < right ? -1 : left > right ? 1 : 0);

  const checkRange = (field, value, text, isWhole) => {
    for (const { bound, code, allows } of bounds(field)) {
      if (isWhole && !Number.isSafeInteger(bound)) continue;
      if (!allows(compare(value, isWhole ? BigInt(bound) : bound))) throw new Mistake(code, given(text), String(bound));
    }
  };
  const lowest = (field) => field.minimum ?? field.exclusiveMinimum ?? 0;
  const stepMistake = (field, text) => new Mistake("notStep", given(text), String(field.step), String(lowest(field)));

  const checkNumber = (field, text) => {
    const value = number(text);
    if (value === null) throw new Mistake(text.includes(",") ? "notNumberComma" : "notNumber", given(text));
    checkRange(field, value, text, false);
    if (field.step === undefined) return;
    // Decimal fractions are not exact in binary: 0.3 / 0.1 is a little less than 3.
    const steps = (value - lowest(field)) / field.step;
    if (Math.abs(steps - Math.round(steps)) > 1e-9 * Math.max(1, Math.abs(steps))) throw stepMistake(field, text);
  };
  const checkInteger = (field, text) => {
    const value = integer(text);
    if (value === null) throw new Mistake("notWholeNumber", given(text));
    checkRange(field, value, text, true);
    if (!Number.isSafeInteger(field.step) || !Number.isSafeInteger(lowest(field))) return;
    const distance = value - BigInt(lowest(field));
    if (distance < smallest || distance > largest || distance % BigInt(field.step) !== 0n) throw stepMistake(field, text);
  };
  const check = (isRight, code, text) => {
    if (!isRight) throw new Mistake(code, given(text));
  };
  const checkText = (field, text, isKnown) => {
    if (!field.multiline && text.includes("\n")) throw new Mistake("notSingleLine");
    const length = [...text].length;
    if (length < field.minLength) throw new Mistake("tooShort", length, field.minLength);
    if (length > field.maxLength) throw new Mistake("tooLong", length, field.maxLength);
    if (!isKnown && field.matcher && !matches(field.matcher, text)) {
      throw new Mistake("notPattern", given(text), field.pattern);
    }
  };

  // By the list itself, which all fields of a block's repetitions share.
  const sets = new WeakMap();
  const choices = ({ choices: list }) => {
    if (!sets.has(list)) sets.set(list, new Set(list.map((value) => value.normalize())));
    return sets.get(list);
  };

  // One text as the program will get it. Throws what is wrong with it.
  const accepted = (rules, field, value, isKnown) => {
    if (byteCount(value) > rules.maxTextBytes) throw new Mistake("textTooLong", size(rules.maxTextBytes));
    if (value.includes("\0")) throw new Mistake("hasNUL");
    let text = value;
    if (field.type === "text" || field.type === "secret") {
      text = value.replace(/\r\n?/g, "\n");
      checkText(field, text, isKnown);
    } else if (field.type !== "json") {
      text = value.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
    }
    switch (field.type) {
      case "number": checkNumber(field, text); break;
      case "integer": checkInteger(field, text); break;
      case "date": check(isDate(text), "notDate", text); checkRange(field, text, text, false); break;
      case "time": check(isTime(text), "notTime", text); checkRange(field, text, text, false); break;
      case "email": check(isEmail(text), "notEmail", text); break;
      case "url": check(isURL(text), "notURL", text); break;
      case "colour": check(isColour(text), "notColour", text); break;
      case "json": check(isJSON(text), "notJSON", text); break;
      case "boolean":
        check(boolean(text) !== null, "notBoolean", text);
        return boolean(text);
    }
    if (field.choices && !choices(field).has(text.normalize())) {
      const some = field.choices.slice(0, 20).join(", ") + (field.choices.length > 20 ? ", …" : "");
      throw new Mistake("notOneOf", given(text), some);
    }
    return text;
  };

  // What rules compare: 3, 3.0 and 03 are the same number.
  const canonical = (field, text) => {
    switch (field.type) {
      case "integer": return String(integer(text) ?? text);
      case "number": return String(number(text) ?? text);
      case "colour": return text.toLowerCase();
      default: return text.normalize();
    }
  };

  const kindOf = (file) => (file.type ?? "").split(";")[0].toLowerCase().trim();
  const isAccepted = (rules, field, file) => {
    if (!field.accept) return true;
    const name = file.name.toLowerCase();
    const known = [kindOf(file), rules.mediaTypes[name.split(".").filter((part) => part !== "").pop()]].filter((kind) => kind);
    return field.accept.some((wanted) => {
      if (wanted.startsWith(".")) return name.endsWith(wanted);
      if (wanted.endsWith("/*")) return known.some((kind) => kind.startsWith(wanted.slice(0, -1)));
      return known.includes(wanted);
    });
  };
  const takeFile = (rules, field, file) => {
    const mistakes = [];
    if (!isFile(file)) return [new Mistake("takesFile")];
    if (!isAccepted(rules, field, file)) mistakes.push(new Mistake("fileKind", given(file.name), field.accept.join(", ")));
    if (file.size > field.maxBytes) {
      mistakes.push(new Mistake("fileTooLarge", given(file.name), size(file.size), size(field.maxBytes)));
    }
    return mistakes;
  };

  // What a field came to: its mistakes, or its value, or neither.
  const resolve = (rules, field, all) => {
    let values = all.filter((value) => !isEmpty(value));
    const isSwitch = field.type === "boolean" && !field.list;
    if (isSwitch) values = values.slice(-1);
    const isDefault = values.length === 0;
    if (isDefault) {
      values = field.default;
      if (values.length === 0 && isSwitch && !field.optional) values = ["false"];
    }
    if (values.length === 0) return { mistakes: field.optional ? [] : [new Mistake("isNeeded")] };
    if (!field.list && values.length > 1) return { mistakes: [new Mistake("takesOne", values.length)] };
    if (field.list && (values.length < field.minItems || values.length > field.maxItems)) {
      return { mistakes: [new Mistake("takesSeveral", field.minItems, field.maxItems, values.length, values.length === 1 ? "was given" : "were given")] };
    }
    const mistakes = [];
    const texts = [];
    for (const value of values) {
      if (field.type === "file") {
        mistakes.push(...takeFile(rules, field, value));
        continue;
      }
      try {
        texts.push(accepted(rules, field, value, isDefault));
      } catch (mistake) {
        if (!(mistake instanceof Mistake)) throw mistake;
        mistakes.push(mistake);
      }
    }
    if (mistakes.length > 0) return { mistakes };
    const isFalse = field.type === "boolean" && texts.length === 1 && texts[0] === "false";
    return { mistakes, fact: { canonical: texts.map((text) => canonical(field, text)), isGiven: !isFalse } };
  };

  // Whether what stands in a field that is not asked for is what a form without a script sends.
  const isUntouched = (rules, field, all) => {
    const values = all.filter((value) => !isEmpty(value));
    if (values.length === 0) return true;
    const texts = [];
    for (const value of values) {
      if (isFile(value)) return false;
      try {
        texts.push(canonical(field, accepted(rules, field, value, false)));
      } catch {
        return false;
      }
    }
    const usual = field.default.map((text) => canonical(field, text));
    if (field.type === "boolean") return texts.every((text) => text === "false") || texts.at(-1) === field.default[0];
    return texts.length === usual.length && texts.every((text, place) => text === usual[place]);
  };

  // Rules between fields

  const inputsOf = (condition) => {
    if (condition.all || condition.any) return (condition.all ?? condition.any).flatMap(inputsOf);
    return condition.not ? inputsOf(condition.not) : [condition.input];
  };
  const holds = (rules, facts, condition) => {
    if (condition.all) return condition.all.every((part) => holds(rules, facts, part));
    if (condition.any) return condition.any.some((part) => holds(rules, facts, part));
    if (condition.not) return !holds(rules, facts, condition.not);
    const fact = facts.get(condition.input);
    const field = rules.fields[condition.input];
    if (condition.given) return fact?.isGiven ?? false;
    if (!fact) return false;
    if (condition.in) {
      const wanted = new Set(condition.in.map((text) => canonical(field, text)));
      return fact.canonical.some((text) => wanted.has(text));
    }
    return fact.canonical.some((text) => bounds(condition).every(({ bound, allows }) => {
      if (typeof bound === "string") return allows(compare(text, bound));
      const value = number(text);
      return value !== null && allows(compare(value, bound));
    }));
  };

  // Blocks that are given several times

  const renamed = (condition, name) => {
    if (condition.all) return { all: condition.all.map((part) => renamed(part, name)) };
    if (condition.any) return { any: condition.any.map((part) => renamed(part, name)) };
    if (condition.not) return { not: renamed(condition.not, name) };
    return { ...condition, input: name(condition.input) };
  };
  const renamedField = (field, block, name) => {
    const conditions = [block.showIf, field.showIf && renamed(field.showIf, name)].filter((condition) => condition);
    const lists = (found) => Object.fromEntries(Object.entries(found).map(([value, ids]) => [value, ids.map(name)]));
    const changed = { ...field };
    if (conditions.length > 0) changed.showIf = conditions.length === 1 ? conditions[0] : { all: conditions };
    if (field.requires) changed.requires = field.requires.map(name);
    if (field.disables) changed.disables = field.disables.map(name);
    if (field.valueRequires) changed.valueRequires = lists(field.valueRequires);
    if (field.valueDisables) changed.valueDisables = lists(field.valueDisables);
    return changed;
  };
  // The rules with the fields of each block as often as counts says, under ids such as layer.0.text, and not at all where that is too often.
  const unrolled = (rules, counts) => {
    if (!rules.repeats || rules.counts) return rules;
    const fields = Object.fromEntries(rules.inputs.map((id) => [id, rules.fields[id]]));
    const [order, groups, inputs] = [[...rules.order], [...rules.groups], []];
    const add = (block) => {
      const own = new Set(block.inputs);
      const count = counts[block.id] ?? 0;
      for (let index = 0; count <= block.maxItems && index < count; index += 1) {
        const name = (id) => (own.has(id) ? `${block.id}.${index}.${id}` : id);
        for (const id of block.inputs) fields[name(id)] = renamedField(rules.fields[id], block, name);
        inputs.push(...block.inputs.map(name));
        order.push(...block.order.map(name));
        groups.push(...block.groups.map((group) => ({ ...group, inputs: group.inputs.map(name) })));
      }
    };
    for (let place = 0; place <= rules.inputs.length; place += 1) {
      for (const block of rules.repeats) if (block.place === place) add(block);
      inputs.push(...rules.inputs.slice(place, place + 1));
    }
    return { ...rules, counts, fields, order, groups, inputs };
  };
  const countsIn = (rules, values) => {
    const counts = Object.fromEntries((rules.repeats ?? []).map((block) => [block.id, Number(values[block.id]?.[0] ?? 0)]));
    for (const id of Object.keys(values)) {
      const parts = /^([^.]+)\.(0|[1-9][0-9]*)\./.exec(id);
      if (parts && parts[1] in counts) counts[parts[1]] = Math.max(counts[parts[1]], Number(parts[2]) + 1);
    }
    return counts;
  };

  // values: by id, a list of texts and files ({name, size, type}). Answers the mistakes by id, the ids that are not asked for, and
  // those of which that hangs on a field with a mistake.
  const judge = (given, values) => {
    const rules = unrolled(given, countsIn(given, values));
    const facts = new Map();
    const broken = new Set();
    const hidden = new Set();
    const unclear = new Set();
    const mistakes = Object.create(null);
    const note = (id, mistake) => (mistakes[id] ??= []).push(mistake);
    for (const id of rules.order) {
      const field = rules.fields[id];
      const sent = values[id] ?? [];
      if (field.showIf) {
        const isShown = holds(rules, facts, field.showIf);
        if (inputsOf(field.showIf).some((other) => broken.has(other))) {
          broken.add(id);
          if (!isShown) unclear.add(id);
          continue;
        }
        if (!isShown) {
          hidden.add(id);
          if (!isUntouched(rules, field, sent)) note(id, new Mistake("notAskedFor"));
          continue;
        }
      }
      const { mistakes: found, fact } = resolve(rules, field, sent);
      if (found.length > 0) broken.add(id);
      for (const mistake of found) note(id, mistake);
      if (fact) facts.set(id, fact);
    }
    const isGiven = (id) => facts.get(id)?.isGiven ?? false;
    const label = (id) => rules.fields[id].name;
    const listed = (lists, field, fact) => {
      const found = Object.entries(lists ?? {});
      return fact.canonical.flatMap((text) => found.filter(([key]) => canonical(field, key) === text).flatMap(([, ids]) => ids));
    };
    for (const id of rules.inputs) {
      const [field, fact] = [rules.fields[id], facts.get(id)];
      if (!fact) continue;
      const required = (fact.isGiven ? field.requires ?? [] : []).concat(listed(field.valueRequires, field, fact));
      const disabled = (fact.isGiven ? field.disables ?? [] : []).concat(listed(field.valueDisables, field, fact));
      for (const other of required) {
        if (isGiven(other) || broken.has(other)) continue;
        if (hidden.has(other)) note(id, new Mistake("needsHidden", label(other)));
        else note(other, new Mistake("neededWith", label(id)));
      }
      for (const other of disabled) if (isGiven(other)) note(other, new Mistake("notTogether", label(id)));
    }
    for (const group of rules.groups) {
      const members = group.inputs.filter((id) => !hidden.has(id));
      if (members.length === 0 || members.some((id) => broken.has(id))) continue;
      const there = members.filter(isGiven);
      const names = members.map(label).join(", ");
      if (there.length > 1 && (group.rule === "oneOf" || group.rule === "atMostOne")) {
        for (const id of there.slice(1)) note(id, new Mistake("onlyOneOf", names));
      }
      if (there.length === 0 && (group.rule === "oneOf" || group.rule === "atLeastOne")) {
        note(members[0], new Mistake(group.rule === "oneOf" ? "oneOfNeeded" : "someNeeded", names));
      }
      if (group.rule === "allOrNone" && there.length > 0) {
        for (const id of members) if (!isGiven(id)) note(id, new Mistake("neededWith", label(there[0])));
      }
    }
    for (const block of rules.repeats ?? []) {
      let least = block.minItems;
      if (block.showIf) {
        const isShown = holds(rules, facts, block.showIf);
        const isUnclear = inputsOf(block.showIf).some((other) => broken.has(other));
        if (!isShown) (isUnclear ? unclear : hidden).add(block.id);
        if (!isShown || isUnclear) least = 0;
      }
      const count = rules.counts[block.id] ?? 0;
      if (count < least || count > block.maxItems) {
        note(block.id, new Mistake("takesBlocks", block.minItems, block.maxItems, count));
      }
    }
    return { mistakes, hidden, unclear };
  };

  // Words

  const size = (bytes) => {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let [value, place] = [bytes, 0];
    while (value >= 1024 && place < units.length - 1) [value, place] = [value / 1024, place + 1];
    return `${Math.round(value * 10) / 10} ${units[place]}`;
  };
  // At most 60 characters of what was filled in, without control characters.
  const shown = (text) => {
    const all = [...text];
    return `‘${all.slice(0, 60).join("").replace(/\p{Cc}/gu, " ")}${all.length > 60 ? "…" : ""}’`;
  };
  const told = (phrases, field, mistake) => {
    const values = mistake.values.map((value) => {
      if (value?.given === undefined) return String(value);
      return field.type === "secret" ? phrases.theValue : shown(value.given);
    });
    return (phrases[mistake.code] ?? mistake.code).replace(/%([1-9])/g, (hole, place) => values[place - 1] ?? hole);
  };

  return { judge, told, size, unrolled, countsIn };
})();
