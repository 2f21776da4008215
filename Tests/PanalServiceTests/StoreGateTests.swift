import Testing

@testable import PanalService

@Suite struct StoreGateTests {
    @Test(arguments: [true, false]) func everybodyIsToldTheSame(_ isStored: Bool) async {
        let gate = StoreGate()
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { await gate.isStored() } }
            group.addTask {
                gate.open(isStored: isStored)
                // The first word holds.
                gate.open(isStored: !isStored)
                return isStored
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers == Array(repeating: isStored, count: 21))
        #expect(await gate.isStored() == isStored)
    }
}
