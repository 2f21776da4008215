import PanalCore
import PanalProfiles
import Testing

@Suite struct PriceTests {
    private static let complete = """
        defaults: {cores: 1, memory: 64MiB, processes: 64, time: 1min, cpu-time: 90s, scratch: 16MiB, scratch-files: 100,
          output: 1MiB, result-files: 10, results: 2MiB, open-files: 64, file-size: 8MiB, seccomp: default}
        profiles:

        """

    private func tariff(_ settings: String) throws -> Tariff {
        let text = Self.complete + "  a: {\(settings)}\n"
        return try #require(try ProfileCatalog(parsing: text, file: "p.yaml").profiles.first).tariff
    }

    @Test func pricesAreByTheHourOrTheSecond() throws {
        #expect(try tariff("summary: free") == .free)
        let whole = try tariff("price: 0.04/h, memory-price: 0.005/h, opportunistic-price: 0.01/h")
        #expect(
            whole
                == Tariff(
                    ordinary: Price(coreHour: 40_000, memoryHour: 5_000), opportunistic: Price(coreHour: 10_000)))
        #expect(try tariff("price: 0.000001/s").ordinary.coreHour == 3_600)
        #expect(try tariff("price: 10000/h").ordinary.coreHour == Price.mostPerHour)
        #expect(try tariff("price: 0").ordinary.coreHour == 0)
        #expect(try tariff("price: 0/s, opportunistic-price: 1/h").opportunistic.coreHour == 1_000_000)
    }

    @Test(arguments: [
        ("price: 0.04", "3:14: price: ‘0.04’ does not say for how long; write 0.04/h or 0.04/s"),
        ("price: 0.04/min", "3:14: price: ‘0.04/min’ does not say for how long; write 0.04/h or 0.04/s"),
        ("price: 0/x", "3:14: price: ‘0/x’ does not say for how long; write 0/h or 0/s"),
        (
            "price: -1/h",
            "3:14: price: ‘-1’ is no amount of credit; write digits, such as 12 or 12.5; for example 0.04/h"
        ),
        (
            "price: 1e3/h",
            "3:14: price: ‘1e3’ is no amount of credit; write digits, such as 12 or 12.5; for example 0.04/h"
        ),
        (
            "price: .5/h",
            "3:14: price: ‘.5’ is no amount of credit; write digits, such as 12 or 12.5; for example 0.04/h"
        ),
        (
            "memory-price: 0.0000001/h",
            "3:21: memory-price: ‘0.0000001’ is finer than a millionth of a credit; write at most six places after the "
                + "point; for example 0.005/h"
        ),
        ("price: 10000.000001/h", "3:14: price: 10000.000001/h is out of range; write 0 to 10000/h"),
        ("price: 3/s", "3:14: price: 3/s is out of range; write 0 to 10000/h"),
        (
            "price: 9999999999999/s",
            "3:14: price: ‘9999999999999’ is more than 1000000000000 credits; for example 0.04/h"
        ),
        ("price: 999999999999/s", "3:14: price: 999999999999/s is out of range; write 0 to 10000/h"),
        ("price: [1]", "3:14: price: should be one value, for example 0.04/h"),
        ("cost: 1/h", "3:7: ‘cost’ is no setting; did you mean price?"),
        ("opportunistic_price: 1/h", "3:7: ‘opportunistic_price’ is no setting; did you mean opportunistic-price?"),
    ])
    func aWrongPriceIsNamedWithItsPlace(settings: String, expected: String) {
        do {
            _ = try tariff(settings)
            Issue.record("‘\(settings)’ was taken")
        } catch let error as ProfileMistakes {
            let found = error.mistakes.map { "\($0.line - 1):\($0.column): \($0.detail)" }
            #expect(found == [expected])
        } catch {
            Issue.record("\(error)")
        }
    }
}
