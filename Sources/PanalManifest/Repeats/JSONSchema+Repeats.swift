import PanalCore

extension ManifestRepeat {
    /// A list of objects, one for each time. Of a block that is not always asked for it says no more than how many: the rest is in the rules.
    func jsonSchema(of manifest: Manifest) -> JSONValue {
        var schema: [String: JSONValue] = ["type": "array", "title": .string(name)]
        if let description { schema["description"] = .string(description) }
        schema["maxItems"] = .integer(maximumItems)
        if showIf == nil, case .object(let items) = itemSchema(of: manifest) {
            schema.merge(items) { own, _ in own }
        } else {
            schema["items"] = ["type": "object"]
        }
        return .object(schema)
    }

    /// What each of them has to be where it is asked for, and how many there are at least.
    func itemSchema(of manifest: Manifest) -> JSONValue {
        var item = alone(in: manifest).jsonSchema()
        if case .object(var members) = item {
            // What it refers to stands with the manifest's.
            for key in ["$schema", "$defs", "description"] { members[key] = nil }
            members["title"] = .string(name)
            item = .object(members)
        }
        return ["items": item, "minItems": .integer(minimumItems)]
    }

    /// The block as if it were all, as wide as it has to be for one who does not see the fields outside: a field whose `showIf` looks at
    /// those, and each that hangs on such a field, may be left out and may be there.
    func alone(in manifest: Manifest) -> Manifest {
        let own = Set(inputs.map(\.id))
        var unclear: Set<String> = []
        for place in order {
            guard let condition = inputs[place].showIf else { continue }
            if !condition.inputs.isSubset(of: own) || !condition.inputs.isDisjoint(with: unclear) {
                unclear.insert(inputs[place].id)
            }
        }
        let clear = own.subtracting(unclear)
        var alone = manifest
        alone.repeats = []
        alone.groups = groups.filter { clear.isSuperset(of: $0.inputs) }
        alone.inputs = inputs.map { input in
            var input = input
            if unclear.contains(input.id) {
                input.showIf = nil
                input.isOptional = true
            }
            let isClear = clear.contains(input.id)
            let kept = { (ids: [String]) in isClear ? ids.filter(clear.contains) : [] }
            input.requires = kept(input.requires)
            input.disables = kept(input.disables)
            input.valueRequires = input.valueRequires.mapValues(kept).filter { !$0.value.isEmpty }
            input.valueDisables = input.valueDisables.mapValues(kept).filter { !$0.value.isEmpty }
            return input
        }
        alone.order = Manifest.order(of: alone.inputs)
        return alone
    }
}
