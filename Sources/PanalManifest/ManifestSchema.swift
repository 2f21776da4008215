package import PanalCore

extension Manifest {
    /// JSON Schema (draft 2020-12) of a manifest, for its authors: every key that the reader knows, what it means and what it may be. The
    /// reader judges more than a schema can: what fields say of each other, and whether tests are submissions that the fields take.
    package static let documentSchema: JSONValue = {
        object(
            knownKeys, members, required: ["name"],
            note: "A program's manifest. Keys that begin with `x-` are free; any other that is not here is refused.")
    }()

    private static let members: [String: JSONValue] = [
        "name": text(100, "What people read, in any language.", example: "Filter"),
        "id": [
            "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 63,
            "description": "The program's name in addresses; made of `name` when it is missing.",
        ],
        "description": text(10_000, "What the program does, in lines."),
        "version": text(100, "The author's own word for the version; Panal counts its versions itself."),
        "author": text(200, "Who made it."), "url": text(2_000, "A web address (http or https) that says more."),
        "tags": list(text(50, nil), most: 20, "Words to find it by."),
        "command": [
            "type": "array", "minItems": 1, "maxItems": 500,
            "items": argumentSchema,
            "description": """
            The arguments, the program first; never a shell. `{id}` stands for a field's value, `{@program}` for the program file; a \
            list inside the list is left out as a whole where its field has no value. When it is missing: the program, then every field \
            in order, each behind its `flag`.
            """,
            "examples": [["{@program}", ["--size", "{size}"], "{picture}"]],
        ],
        "inputs": list(inputSchema, most: maximumInputs, "The fields, in the order in which people see them."),
        "outputs": list(
            outputSchema, most: 100, "The results to show, of all files that the program leaves below its work folder."),
        "resources": object(
            resourceKeys,
            [
                "profile": text(40, "The hardware profile that is suggested.", example: "small"),
                "smallest": text(40, "The smallest profile that it can do with."),
                "time": quantity("How long it may take at most: seconds, or a text such as `10min`."),
                "disk": quantity("What it may write: bytes, or a text such as `2GiB`."),
                "network": [
                    "anyOf": [["type": "string", "enum": ["none", "loopback"]], ["type": "boolean"]],
                    "description": "`loopback` gives it a network that reaches only itself; `none` and false are none.",
                ],
            ], note: "What it needs."),
        "rootfs": text(
            100, "The file system that it sees: a name of `GET /api/v1/rootfs`; `host` when it is missing.",
            example: "host"),
        "writable": boolean(
            """
            Whether it may write everywhere in its file system, not only below its work folder. `rootfs` has to name an image then. \
            What it writes counts as scratch space and goes with the run, unless the job is copied while it runs \
            (`POST /api/v1/jobs/{id}/copy`); false when it is missing.
            """),
        "environment": [
            "type": "object", "additionalProperties": ["type": "string", "maxLength": 10_000], "maxProperties": 100,
            "propertyNames": ["pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"],
            "description": "Variables of the environment, the same in each run.",
        ],
        "exitCodes": [
            "type": "object", "propertyNames": ["pattern": "^(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$"],
            "additionalProperties": [
                "anyOf": [
                    text(1_000, nil),
                    object(
                        ["message", "success"],
                        [
                            "message": text(1_000, "What people read then."),
                            "success": boolean("Whether it counts as success; only 0 does when it is missing."),
                        ], required: ["message"]),
                ]
            ], "description": "What exit codes mean, by number: a sentence, or one with `success`.",
            "examples": [["3": "No match was found.", "4": ["message": "Nothing to do.", "success": true]]],
        ],
        "sections": list(
            object(
                sectionKeyNames,
                [
                    "name": text(200, "The heading."), "description": text(4_000, "Below the heading."),
                    "inputs": fieldIDs("The fields below it, by id."), "showIf": condition("When they are asked for."),
                ], required: ["name", "inputs"]), most: 50, "Fields under headings."),
        "groups": list(
            object(
                ["name", "description", "inputs", "rule"],
                [
                    "name": text(200, nil), "description": text(4_000, nil),
                    "inputs": fieldIDs("Two or more fields, by id."),
                    "rule": words(
                        "How many of them a submission gives: ", ManifestGroup.Rule.allCases.map(\.rawValue), "."),
                ], required: ["inputs", "rule"]), most: 50, "Rules over several fields."),
        "repeats": list(
            object(
                ["name", "id", "description", "inputs", "minItems", "maxItems", "showIf", "command"],
                [
                    "name": text(200, "The heading."), "id": fieldID, "description": text(4_000, nil),
                    "inputs": fieldIDs("The fields of one block, by id."), "minItems": integer(0...1_000, nil),
                    "maxItems": integer(1...1_000, nil), "showIf": condition("When it is asked for."),
                    "command": [
                        "type": "array", "items": argumentSchema, "description": "The arguments of one block.",
                    ],
                ], required: ["name", "inputs"]), most: 20, "Blocks of fields that are given several times."),
        "tests": list(testSchema, most: 50, "Runs that the author vouches for. Where one fails nothing is published."),
    ]

    private static let argumentSchema: JSONValue = [
        "anyOf": [["type": "string"], ["type": "array", "items": ["type": "string"], "maxItems": 100]]
    ]

    private static let inputSchema = object(
        InputReader.keys + RuleReader.inputKeys,
        [
            "name": text(200, "The label, in any language."), "id": fieldID,
            "type": words(
                "What kind of value it takes, in any case: ", InputType.allCases.map(\.rawValue),
                "; Boutiques' spellings too (`String`, `Number`, `Flag`, `File`)."),
            "description": text(4_000, "Below the label."),
            "optional": boolean("Whether it may be left out although it has no default."),
            "default": [
                "description":
                    "What holds when it is left out: a value as a submission has it, not for file and secret."
            ],
            "list": boolean("Whether it takes several values."),
            "minItems": integer(1...1_000, "Values of a list, at least."),
            "maxItems": integer(1...1_000, "Values of a list, at most; 100 when it is missing."),
            "multiline": boolean("Whether a text may have several lines."),
            "choices": [
                "type": "array", "minItems": 1, "maxItems": .integer(InputReader.maximumChoices),
                "items": [
                    "anyOf": [
                        text(500, nil), ["type": "number"],
                        object(
                            ["value", "label"],
                            [
                                "value": ["anyOf": [text(500, nil), ["type": "number"]]],
                                "label": text(500, "What people read."),
                            ], required: ["value"]),
                    ]
                ], "description": "The values that are taken, if not any.",
            ],
            "minimum": bound("The least value"), "maximum": bound("The greatest value"),
            "exclusiveMinimum": exclusive("minimum"), "exclusiveMaximum": exclusive("maximum"),
            "step": [
                "type": "number", "exclusiveMinimum": 0,
                "description": "Numbers are so far apart, from the minimum or 0.",
            ],
            "minLength": integer(0...ManifestInput.maximumTextBytes, "Characters of a text, at least."),
            "maxLength": integer(0...ManifestInput.maximumTextBytes, "Characters of a text, at most."),
            "pattern": text(Pattern.maximumCharacters, "A regular expression that the whole text matches."),
            "accept": list(
                text(100, nil), most: 50,
                "What files are taken: endings (`.png`), media types (`image/png`, `image/*`)."),
            "maxBytes": integer(1...(1 << 50), "Bytes of one file, at most."),
            "flag": text(200, "Stands before the value in the arguments.", example: "--size"),
            "separator": text(20, "Between flag and value in one argument; when it is missing they are two.", least: 0),
            "listSeparator": text(
                20, "Joins a list's values into one argument; when it is missing each is its own.", least: 0),
            "via": [
                "type": "string",
                "description": """
                How the value reaches the program: `argument` (when it is missing; a file as its path), `stdin`, `environment`, or \
                `file`, the path of a file that holds it.
                """,
            ], "variable": text(64, "With `via: environment`: its name; the id in capitals when it is missing."),
            "showIf": condition("When it is asked for."),
            "requires": fieldIDs("Fields that are needed when this one is given."),
            "disables": fieldIDs("Fields that may not be given when this one is."), "valueRequires": byValue("needed"),
            "valueDisables": byValue("forbidden"),
        ], required: ["name", "type"],
        // Boutiques' spellings: generators of clients make the same name of both.
        others: RuleReader.spellings.keys.sorted().reduce(into: [:]) { $0["^\($1)$"] = byValue("named by it") })

    private static let outputSchema = object(
        outputKeyNames,
        [
            "name": text(200, "What people read."),
            "path": text(1_000, "The file below the work folder; `*` and `?` stand for others.", example: "result.png"),
            "glob": text(1_000, "The same as `path`, in its place."),
            "type": words(
                "How it is shown: ", Preview.allCases.map(\.rawValue), "; by its ending when it is missing."),
            "description": text(4_000, nil),
            "optional": boolean("Whether it may be missing."),
        ], required: ["name"])

    private static let testSchema = object(
        ManifestTest.keyNames,
        [
            "name": text(200, "What people read; its number when it is missing."),
            "inputs": [
                "type": "object",
                "description": """
                A submission: values by field id. A file is a path in the program's folder, or `{"name": "a.txt", "text": "…"}`.
                """,
            ], "exitCode": integer(0...255, "What it has to end with; any that counts as success when it is missing."),
            "outputs": list(
                object(
                    ManifestTest.outputKeyNames,
                    [
                        "path": text(1_000, "A file that has to be there, below the work folder."),
                        "minBytes": integer(0...(1 << 50), nil), "maxBytes": integer(0...(1 << 50), nil),
                        "sha256": ["type": "string", "pattern": "^[0-9A-Fa-f]{64}$"],
                        "contains": text(4_000, "A text that the file has in it."),
                    ], required: ["path"]), most: 50, "Result files, and what they have to be."),
            "stdout": text(4_000, "A text that standard output has in it."),
            "stderr": text(4_000, "A text that the error output has in it."),
            "profile": text(40, "The hardware profile to run on; the suggested one when it is missing."),
            "time": quantity("How long it may take at most: seconds, or a text such as `10s`."),
        ])

    // MARK: Parts

    private static let fieldID: JSONValue = [
        "type": "string", "pattern": "^[a-z0-9_]{1,64}$",
        "description": "Its name in submissions and in `command`; made of `name` when it is missing.",
    ]

    /// An object of the reader's `keys`; a member that the reader does not know stays out.
    private static func object(
        _ keys: [String], _ members: [String: JSONValue], required: [JSONValue] = [],
        others: [String: JSONValue] = [:], note: String? = nil
    ) -> JSONValue {
        var schema: [String: JSONValue] = [
            "type": "object", "patternProperties": .object(others.merging(["^x-": true]) { own, _ in own }),
            "additionalProperties": false,
            "properties": .object(
                Dictionary(keys.map { ($0, members[$0] ?? [:]) }, uniquingKeysWith: { first, _ in first })),
        ]
        if !required.isEmpty { schema["required"] = .array(required) }
        schema["description"] = note.map(JSONValue.string)
        return .object(schema)
    }

    private static func noted(_ schema: [String: JSONValue], _ note: String?) -> JSONValue {
        var schema = schema
        schema["description"] = note.map(JSONValue.string)
        return .object(schema)
    }

    private static func text(_ most: Int, _ note: String?, least: Int = 1, example: String? = nil) -> JSONValue {
        var schema: [String: JSONValue] = [
            "type": "string", "minLength": .integer(least), "maxLength": .integer(most),
        ]
        if let example { schema["examples"] = [.string(example)] }
        return noted(schema, note)
    }

    /// A word, of which a reader takes more spellings than these.
    private static func words(_ note: String, _ words: [String], _ end: String) -> JSONValue {
        noted(["type": "string"], note + words.map { "`\($0)`" }.joined(separator: ", ") + end)
    }

    private static func boolean(_ note: String) -> JSONValue { noted(["type": "boolean"], note) }

    private static func integer(_ range: ClosedRange<Int>, _ note: String?) -> JSONValue {
        noted(
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)], note)
    }

    private static func list(_ items: JSONValue, most: Int, _ note: String) -> JSONValue {
        noted(["type": "array", "items": items, "maxItems": .integer(most)], note)
    }

    private static func fieldIDs(_ note: String) -> JSONValue {
        noted(["type": "array", "items": ["type": "string"]], note)
    }

    private static func quantity(_ note: String) -> JSONValue {
        noted(["anyOf": [["type": "string"], ["type": "integer", "minimum": 1]]], note)
    }

    private static func bound(_ note: String) -> JSONValue {
        noted(["anyOf": [["type": "number"], ["type": "string"]]], note + " of a number, a date or a time.")
    }

    private static func exclusive(_ key: String) -> JSONValue {
        noted(
            ["anyOf": [["type": "number"], ["type": "string"], ["type": "boolean"]]],
            "A bound that is itself outside; or true beside `\(key)`, as Boutiques has it.")
    }

    private static func byValue(_ what: String) -> JSONValue {
        noted(
            ["type": "object", "additionalProperties": ["type": "array", "items": ["type": "string"]]],
            "Fields that are \(what) with one of its values: `{\"value\": [\"other field\"]}`.")
    }

    private static func condition(_ note: String) -> JSONValue {
        noted(
            ["anyOf": [["type": "string"], ["type": "object"]]],
            """
            \(note) A field's id: when it has a value. `{"format": "mp3"}` or `{"format": ["mp3", "ogg"]}`: when it is one of these. \
            `{"input": "size", "minimum": 3}`, with `given`, `equals`, `in` and the bounds. `all`, `any` and `not` combine them.
            """)
    }
}
