import PanalCore
import PanalManifest

/// One field of the generated form: which control a manifest's input becomes, what is filled in, and what is wrong with
/// it. All of it works without a script.
struct Field: Sendable {
    let input: ManifestInput
    /// What to show; the default where nothing was submitted yet.
    let entered: [String]
    let mistake: String?
    /// Whether the form comes back because of a mistake somewhere; browsers then forget the files that were chosen.
    let isAgain: Bool
    let wording: Wording
    /// Where all values of a field with very many choices can be read.
    let choicesHref: String?
    /// Files of an earlier job, and whether they are taken again.
    let earlier: [SubmittedFile]
    /// The field of that job that had them.
    let source: String
    let isKept: Bool

    /// Choices that stand in the page; where there are more, one types, and a script offers what begins to fit.
    static let shownChoices = 200

    static func anchor(_ id: String) -> String { "field-\(id)" }

    /// The field that a mistake's pointer names: `/size/0` is `size`, and `/layer/0/text` the field `layer.0.text` of a block where it is among
    /// `ids`.
    static func id(of pointer: String, among ids: (String) -> Bool = { _ in false }) -> String {
        let parts = pointer.split(separator: "/").prefix(3)
        let ofBlock = parts.joined(separator: ".")
        if parts.count == 3, ids(ofBlock) { return ofBlock }
        return String((parts.first ?? "").replacing("~1", with: "/").replacing("~0", with: "~"))
    }

    /// What a template finds where no field is: it would look further out otherwise.
    static var nothing: Templates.Values {
        ["block": false, "isField": false]
    }

    var isLong: Bool { (input.choices?.count ?? 0) > Self.shownChoices }

    private enum Control { case check, group, select, area, input(kind: String) }

    private var control: Control {
        if input.choices != nil, input.type != .file {
            if isLong { return input.isList ? .area : .input(kind: "text") }
            if input.isList { return .group }
            return (input.choices?.count ?? 0) <= 4 && input.isRequired ? .group : .select
        }
        switch input.type {
        case .boolean: return .check
        case .file: return .input(kind: "file")
        case _ where input.isList: return .area
        case .text: return input.isMultiline ? .area : .input(kind: "text")
        case .json: return .area
        case .number, .integer: return .input(kind: "number")
        case .date: return .input(kind: "date")
        case .time: return .input(kind: "time")
        case .email: return .input(kind: "email")
        case .url: return .input(kind: "url")
        case .secret: return .input(kind: "password")
        // A colour box cannot be empty, so one that may be is a text.
        case .colour: return .input(kind: input.isRequired || input.defaultValue != nil ? "color" : "text")
        case .choice: return .select
        }
    }

    var values: Templates.Values {
        var values: Templates.Values = [
            "id": input.id, "anchor": Self.anchor(input.id), "label": input.name,
            "required": isRequired,
            // What has a default is filled in already; the word would only confuse.
            "mayBeLeftOut": input.isOptional && input.defaultValue == nil && input.type != .boolean,
            "hint": PageFrame.optional(hint), "mistake": PageFrame.optional(mistake),
            "hasEarlier": !earlier.isEmpty, "isKept": isKept, "earlierFiles": earlierFiles,
            "earlierText": wording.t(
                .sameFile, earlier.map { Wording.visible($0.name) }.joined(separator: ", ")),
            "choicesHref": PageFrame.optional(isLong ? choicesHref : nil),
            "allChoices": isLong ? wording.t(.allChoices, String(input.choices?.count ?? 0)) : "",
            "describedBy": PageFrame.optional(describedBy), "choices": [Templates.Values](),
            "keep": source == input.id && input.place == nil ? input.id : "\(input.id)=\(source)",
        ]
        values["isField"] = true
        values.merge(Self.nothing) { own, _ in own }
        switch control {
        case .check:
            values["control"] = "fieldcheck"
            values["checked"] = entered.first == "true"
        case .group:
            values["control"] = "fieldgroup"
            values["choices"] = choices(kind: input.isList ? "checkbox" : "radio")
        case .select:
            values["control"] = "fieldselect"
            var offered = choices(kind: "")
            if input.defaultValue == nil {
                offered.insert(["value": "", "text": wording.t(.noChoice), "checked": entered.isEmpty], at: 0)
            }
            values["choices"] = offered
        case .area:
            values["control"] = "fieldarea"
            values["value"] = entered.joined(separator: "\n")
            values["rows"] = input.type == .json ? 8 : 5
            values["code"] = input.type == .json
            values["maxlength"] = input.isList ? false : PageFrame.optional(input.maximumLength.map(String.init))
        case .input(let kind):
            values["control"] = "fieldinput"
            values["kind"] = kind
            values["attributes"] = attributes(kind: kind)
        }
        return values
    }

    /// For the script, which judges them like chosen ones.
    private var earlierFiles: String {
        let files: [JSONValue] = earlier.map { .object(["name": .string($0.name), "size": .integer($0.bytes)]) }
        guard let bytes = try? JSONValue.array(files).serialized() else { return "[]" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func choices(kind: String) -> [Templates.Values] {
        (input.choices ?? []).map { choice in
            ["value": choice.value, "text": choice.label, "kind": kind, "checked": entered.contains(choice.value)]
        }
    }

    /// An input's attributes as HTML, escaped here: a template that asks for each of them is most of a long form's time.
    private func attributes(kind: String) -> String {
        let isNumber = kind == "number"
        let isBounded = isNumber || kind == "date" || kind == "time"
        let isText = kind == "text" || kind == "email" || kind == "url" || kind == "password"
        var text = ""
        func add(_ name: String, _ value: String?) {
            guard let value else { return }
            text += " \(name)=\"\(ScalarSafeHTML().escapeText(value))\""
        }
        if input.type != .secret, input.type != .file { add("value", entered.first) }
        if isRequired { text += " required" }
        if input.isList { text += " multiple" }
        if !input.accept.isEmpty { add("accept", input.accept.joined(separator: ",")) }
        if isBounded {
            add("min", least)
            add("max", most)
        }
        if isNumber { add("step", step) }
        if isText {
            add("minlength", input.minimumLength.map(String.init))
            add("maxlength", input.maximumLength.map(String.init))
        }
        // A manifest's own pattern is not handed to a browser's engine, which an author could make run for ever: the
        // page's script follows its steps instead.
        if input.type == .colour, kind == "text" { add("pattern", "#[0-9a-fA-F]{6}") }
        if isLong, choicesHref != nil { add("list", "\(Self.anchor(input.id))-list") }
        if input.type == .secret || (isLong && choicesHref != nil) { add("autocomplete", "off") }
        if !describedBy.isEmpty { add("aria-describedby", describedBy) }
        if mistake?.isEmpty == false { add("aria-invalid", "true") }
        return text
    }

    /// A browser without a script shows every field, and may not insist on one that is not asked for.
    private var isRequired: Bool { input.isRequired && input.showIf == nil && earlier.isEmpty }

    /// HTML knows inclusive bounds only; an exclusive one of whole numbers is the next number, others are left to the
    /// server.
    private var least: String? { bound(input.minimum, by: 1) }
    private var most: String? { bound(input.maximum, by: -1) }

    private func bound(_ bound: Bound?, by offset: Int) -> String? {
        guard let bound else { return nil }
        guard bound.isExclusive else { return bound.text }
        guard input.type == .integer, case .integer(let value) = bound.value else { return nil }
        return String(value + offset)
    }

    /// Browsers count steps from `min`, else from the value that is filled in; only the former is what the manifest
    /// means.
    private var step: String? {
        if let step = input.step, least != nil { return Bound(value: .number(step), isExclusive: false).text }
        return input.type == .integer && input.step == nil ? "1" : "any"
    }

    /// What the author says, and what the server will ask for.
    private var hint: String {
        var parts: [String] = []
        if let description = input.description { parts.append(description) }
        if input.type == .file {
            if !input.accept.isEmpty { parts.append(wording.t(.fileTypes, input.accept.joined(separator: ", ")) + ".") }
            if let most = input.maximumBytes { parts.append(wording.t(.atMostBytes, wording.bytes(most)) + ".") }
        } else if input.choices == nil || isLong {
            let range = [
                input.minimum.map { wording.t(.from, $0.text) }, input.maximum.map { wording.t(.upTo, $0.text) },
            ].compactMap { $0 }.joined(separator: " ")
            if let first = range.first { parts.append(first.uppercased() + range.dropFirst() + ".") }
            if input.isList { parts.append(wording.t(.severalLines)) }
        }
        if input.type == .secret { parts.append(wording.t(.secretHint)) }
        if isAgain, input.type == .file { parts.append(wording.t(.fileAgain)) }
        // What an author wrote without a full stop is not to run into what follows.
        return parts.enumerated().map { place, part in
            let isOpen = place < parts.count - 1 && part.last.map { $0.isLetter || $0.isNumber || $0 == ")" } ?? false
            return isOpen ? part + "." : part
        }.joined(separator: " ")
    }

    private var describedBy: String {
        var ids: [String] = []
        if !hint.isEmpty { ids.append("\(Self.anchor(input.id))-hint") }
        if mistake != nil { ids.append("\(Self.anchor(input.id))-mistake") }
        return ids.joined(separator: " ")
    }
}

extension Manifest {
    /// What a browser's form means: it sends empty texts where nothing was filled in, nothing for a box that is not
    /// ticked, the lines of one text for a list, and CR LF at line ends. Blocks of fields are laid out.
    func meant(by submission: Submission) -> Submission {
        let laid = laidOut(submission)
        // Whoever judges it tells what is wrong.
        guard laid.mistakes.isEmpty else { return submission }
        return laid.manifest.meantOfFields(laid.submission)
    }

    private func meantOfFields(_ submission: Submission) -> Submission {
        var meant = submission
        for input in inputs {
            let sent = submission.values[input.id] ?? []
            if input.type == .boolean, input.choices == nil, !input.isList {
                if sent.isEmpty { meant.values[input.id] = [.text("false")] }
                continue
            }
            guard input.type != .file else { continue }
            let texts = sent.flatMap { value -> [String] in
                guard case .text(let text) = value else { return [] }
                let normal = text.replacing("\r\n", with: "\n")
                guard input.isList, input.choices == nil else { return [normal] }
                return normal.split(separator: "\n").map(String.init)
            }
            guard texts.count == sent.count || input.isList else { continue }
            let mayBeEmpty = input.type == .text && input.defaultValue != nil && input.choices == nil && !input.isList
            let kept = mayBeEmpty ? texts : texts.filter { !$0.isEmpty }
            meant.values[input.id] = kept.isEmpty ? nil : kept.map(SubmittedValue.text)
        }
        return meant
    }
}
