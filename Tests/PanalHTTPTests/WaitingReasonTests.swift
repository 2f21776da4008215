import Foundation
import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalScheduler
import PanalService
import Testing

@testable import PanalHTTP

/// Why a job waits, as programs and as people are told it.
@Suite("Why a job waits") struct WaitingReasonTests {
    private static let moment = Timestamp(microseconds: (14 * 60 + 2) * 60_000_000)

    /// Each kind of reason with its numbers: in English what the interface says too, and in Spanish.
    static let reasons: [(WaitingReason, english: String, spanish: String)] = [
        (
            WaitingReason(.jobsOf(.user("ana"), own: 1, running: 3, most: 3)),
            "User ‘ana’ has 3 jobs running, the most that it may have.",
            "El usuario «ana» ya tiene en marcha 3 trabajos, lo máximo permitido."
        ),
        (
            WaitingReason(.jobsOf(.group("lab"), own: 4, running: 1, most: 3)),
            "Is 4 jobs together, group ‘lab’ has 1 job running of at most 3.",
            "Son 4 trabajos juntos; el grupo «lab» ya tiene en marcha 1 trabajo, de 3 como máximo."
        ),
        (
            WaitingReason(.coresOf(.user("ana"), own: 1_250, running: 2_500, most: 3)),
            "Needs 1.25 cores, user ‘ana’ has 2.5 of at most 3 already.",
            "Necesita 1,25 núcleos; el usuario «ana» ya ocupa 2,5, de 3 como máximo."
        ),
        (
            WaitingReason(.coresOf(.user("ana"), own: 1_000, running: 2_000, most: 2)),
            "Needs 1 core, user ‘ana’ has 2 of at most 2 already.",
            "Necesita 1 núcleo; el usuario «ana» ya ocupa 2, de 2 como máximo."
        ),
        (
            WaitingReason(.noOpenHost), "No host that it may run on is open.",
            "No está abierta ninguna máquina en la que pueda ejecutarse."
        ),
        (
            WaitingReason(.cellsTogether(2, cores: 2_000, free: 1, nextRelease: moment)),
            "Needs 2 cells with 2 cores at the same time, 1 is free, the next release is expected by 14:02 UTC.",
            "Necesita 2 celdas con 2 núcleos al mismo tiempo, hay 1 libre; se espera que algo quede libre antes de las 14:02 UTC."
        ),
        (
            WaitingReason(
                .lacks([.wholeCores(needed: 1, free: 0), .memory(needed: 2 << 30, free: 0)], nextRelease: nil)),
            "Needs 1 whole core, none is free, and needs 2 GiB of memory, none is free.",
            "Necesita 1 núcleo entero, no hay ninguno libre, y necesita 2 GiB de memoria, no hay nada libre."
        ),
        (
            WaitingReason(.lacks([.wholeCores(needed: 4, free: 3)], nextRelease: moment), ahead: 1),
            "Needs 4 whole cores, 3 are free, the next release is expected by 14:02 UTC; 1 job is ahead.",
            "Necesita 4 núcleos enteros, hay 3 libres; se espera que algo quede libre antes de las 14:02 UTC; hay 1 trabajo delante."
        ),
        (
            WaitingReason(
                .lacks(
                    [.sharedCores(needed: 500, left: 250), .memory(needed: 3 << 29, free: 1 << 20)], nextRelease: nil),
                ahead: 12),
            "Needs 0.5 shared cores, 0.25 left in all, and needs 1.5 GiB of memory, 1 MiB is free; 12 jobs are ahead.",
            "Necesita 0,5 núcleos compartidos, en total quedan 0,25, y necesita 1,5 GiB de memoria, hay 1 MiB libres; hay 12 trabajos delante."
        ),
        (
            WaitingReason(.onDifferentHosts), "Needs cores and memory that are free on different hosts only.",
            "Necesita núcleos y memoria que solo están libres en máquinas distintas."
        ),
        (WaitingReason(.idleCores), "Waits for idle cores.", "Espera núcleos que nadie use."),
        (
            WaitingReason(.hostsInPartTaken), "Needs cells on hosts that are in part taken.",
            "Necesita celdas en máquinas que están ocupadas en parte."
        ),
        (WaitingReason(nil, ahead: 1), "1 job is ahead.", "Hay 1 trabajo delante."),
        (
            WaitingReason(nil, ahead: 3, causeOfFirst: .lacks([.wholeCores(needed: 2, free: 0)], nextRelease: nil)),
            "3 jobs are ahead, the first of them needs 2 whole cores, none is free.",
            "Hay 3 trabajos delante; el primero necesita 2 núcleos enteros, no hay ninguno libre."
        ),
    ]

    @Test func eachIsSaidInBothLanguages() {
        for (reason, english, spanish) in Self.reasons {
            #expect(Wording(.english).waiting(reason) == english)
            #expect(Wording(.spanish).waiting(reason) == spanish)
            let sentence = reason.sentence
            #expect(sentence.prefix(1).uppercased() + sentence.dropFirst() + "." == english)
        }
    }

    /// A name that would turn the line round, or end it.
    @Test func namesAreShownHarmless() {
        let reason = WaitingReason(.jobsOf(.user("a\u{202e}\n<b>"), own: 1, running: 1, most: 1))
        for language in [Language.english, .spanish] {
            let text = Wording(language).waiting(reason)
            #expect(!text.unicodeScalars.contains("\u{202e}") && !text.contains("\n"))
        }
    }

    /// On a job's page and on the machine's, in their reader's language; the interface goes on in English.
    @Test func pagesSayIt() async throws {
        try await Site.open { site, client in
            let owner = try #require(site.owner.principal)
            _ = try await site.job(Script(isEndless: true))
            let waiting = try await site.job(Script(isEndless: true))
            let job = try await site.panal.job(owner, waiting)
            #expect(job.state == .queued && job.message == job.waiting?.sentence)
            for (language, words) in [
                ("en", "Needs 2 whole cores, none is free"), ("es", "Necesita 2 núcleos enteros, no hay ninguno libre"),
            ] {
                for (path, visitor) in [("/jobs/\(waiting)", site.owner), ("/machine", site.administrator)] {
                    var headers = visitor.browser
                    headers[.acceptLanguage] = language
                    let page = try await client.send(.get, path, headers)
                    let line = page.text.split(separator: "\n").first { $0.contains(words) }
                    #expect(line != nil, "\(path) \(language): \(page.text)")
                    #expect(line?.contains("lang=\"en\"") != true || language == "en", "\(line ?? "")")
                }
            }
            let queue = try await client.send(.get, "/api/v1/queue", site.administrator.bearer)
            #expect(queue.text.contains("needs 2 whole cores, none is free"))
        }
    }
}
