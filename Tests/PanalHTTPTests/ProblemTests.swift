import HTTPTypes
import PanalCore
import Testing

@testable import PanalHTTP

@Suite("What refusals are to HTTP") struct ProblemTests {
    @Test func everyCodeOfTheServiceHasAStatusOfItsOwnKind() {
        for code in ServiceError.Code.allCases {
            let (status, kind, title) = Problem.status(of: code)
            #expect((400..<600).contains(status.code) && !kind.isEmpty && !title.isEmpty)
            #expect((status.code >= 500) == (code == .internal))
        }
        let kinds = ServiceError.Code.allCases.map { Problem.status(of: $0).kind }
        #expect(Set(kinds).count == kinds.count)
        // HTTP has one word for what somebody may not, and for what their key is not good for.
        let statuses = ServiceError.Code.allCases.filter { $0 != .outOfScope }.map {
            Problem.status(of: $0).status.code
        }
        #expect(Set(statuses).count == statuses.count)
    }

    @Test func aFullDiskIsNamed() throws {
        let problem = try #require(Problem(DiskFull()))
        #expect(problem.status.code == 507)
        #expect(problem.kind == "storage-full")
    }
}
