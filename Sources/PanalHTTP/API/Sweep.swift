import PanalCore
import PanalService

/// One input over a list or a range while all others stay as they are: the submissions of a batch.
enum Sweep {
    /// `sweep` is `{"input": "size", "values": [1, 2, 5]}` or `{"input": "size", "from": 1, "to": 9, "step": 2}`, whose `step` is 1 when it is
    /// missing; `submission` has the other inputs. Throws `invalid` with what is wrong.
    static func submissions(_ sweep: JSONValue, over submission: JSONValue?) throws -> [JSONValue] {
        guard case .object(let members) = sweep else {
            throw mistake("", "expected an object, found \(sweep.kind)", "se esperaba un objeto")
        }
        let known = ["input", "values", "from", "to", "step"]
        for key in members.keys.sorted() where !known.contains(key) {
            let names = known.joined(separator: ", ")
            throw mistake("/\(key)", "unknown; known are \(names)", "no se conoce; se conocen \(names)")
        }
        guard case .string(let input)? = members["input"], !input.isEmpty else {
            throw mistake(
                "/input", "the id of the input that changes is needed",
                "hace falta el identificador del campo que cambia")
        }
        var common: [String: JSONValue] = [:]
        if let submission {
            guard case .object(let members) = submission else {
                throw refusal(
                    "/submission", "expected an object, found \(submission.kind)", "se esperaba un objeto")
            }
            common = members
        }
        guard common[input] == nil else {
            throw refusal(
                "/submission/\(input)", "this is the input that changes: leave it out here",
                "este es el campo que cambia: quítalo de aquí")
        }
        let values = try values(members)
        try checkSize(of: try JSONValue.object(common).serialized().count, times: values.count)
        return values.map { value in .object(common.merging([input: value]) { $1 }) }
    }

    /// The input whose values are counted out of a range; nil for a list of values.
    static func rangedInput(_ sweep: JSONValue) -> String? {
        guard case .object(let members) = sweep, members["values"] == nil, case .string(let input)? = members["input"]
        else { return nil }
        return input
    }

    /// What all runs have in common is stored with each. Throws `invalid`.
    static func checkSize(of common: Int, times count: Int) throws {
        guard common <= mostCommonBytes / count else {
            throw mistake(
                "",
                "\(count) runs with \(ByteCount.text(common)) of other values each: at most "
                    + "\(ByteCount.text(mostCommonBytes)) together; give what is long as a file",
                "\(count) ejecuciones con \(ByteCount.text(common)) de otros valores cada una: como mucho "
                    + "\(ByteCount.text(mostCommonBytes)) juntas; da lo que es largo como archivo")
        }
    }

    private static let mostCommonBytes = 4 << 20

    private static func values(_ members: [String: JSONValue]) throws -> [JSONValue] {
        let most = Panal.largestBatch
        if let list = members["values"] {
            guard members["from"] == nil, members["to"] == nil, members["step"] == nil else {
                throw mistake(
                    "/values", "either a list of values, or from, to and step",
                    "o una lista de valores, o principio, fin y paso")
            }
            guard case .array(let values) = list, (1...most).contains(values.count) else {
                throw mistake(
                    "/values", "expected a list of 1 to \(most) values",
                    "se esperaba una lista de 1 a \(most) valores")
            }
            return values
        }
        let (from, to) = (try number("from", members), try number("to", members))
        let step = members["step"] == nil ? 1 : try number("step", members)
        guard step != 0, from == to || (step > 0) == (to > from) else {
            throw mistake(
                "/step", "leads nowhere from \(text(from)) to \(text(to)); it is positive upwards, negative downwards",
                "no lleva de \(text(from)) a \(text(to)); es positivo hacia arriba y negativo hacia abajo")
        }
        // Decimal fractions are not exact in binary: 0.3 / 0.1 is a little less than 3.
        let steps = ((to - from) / step * (1 + 1e-12)).rounded(.down)
        guard steps < Double(most) else {
            throw mistake(
                "/step", "comes to more than \(most) values", "llega a más de \(most) valores")
        }
        return (0...Int(steps)).map { value(from + Double($0) * step) }
    }

    private static func number(_ key: String, _ members: [String: JSONValue]) throws -> Double {
        let number: Double
        switch members[key] {
        case .integer(let value)?: number = Double(value)
        case .number(let value)?: number = value
        case nil:
            throw mistake(
                "/\(key)", "is needed: a number, or ‘values’ in place of from and to",
                "hace falta: un número, o bien una lista de valores en lugar de principio y fin")
        case let other?:
            throw mistake(
                "/\(key)", "expected a number, found \(other.kind)", "se esperaba un número")
        }
        guard number.isFinite, abs(number) <= 1e15 else {
            throw mistake("/\(key)", "is too large", "es demasiado grande")
        }
        return number
    }

    /// Whole numbers without a point, others to twelve places: 0.1 + 0.2 is 0.3 for people.
    private static func value(_ number: Double) -> JSONValue {
        if let whole = Int(exactly: number.rounded()), abs(number - number.rounded()) < 1e-12 { return .integer(whole) }
        return .number(abs(number) < 1e3 ? (number * 1e12).rounded() / 1e12 : number)
    }

    private static func text(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }

    private static func mistake(_ below: String, _ detail: String, _ spanish: String) -> ServiceError {
        refusal("/sweep\(below)", detail, spanish)
    }

    private static func refusal(_ pointer: String, _ detail: String, _ spanish: String) -> ServiceError {
        ServiceError(
            .invalid, "the sweep is wrong", mistakes: [Mistake(pointer: pointer, detail: detail, spanish: spanish)])
    }
}
