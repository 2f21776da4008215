import Hummingbird
import PanalCore
import PanalService

/// `/metrics`, for an operator's monitoring.
struct MetricsInterface: Sendable {
    let panal: Panal
    let meter: RequestMeter

    var routes: [Route] {
        [
            Route(.get, "/metrics", .administratorInterface, metrics)
                .described(
                    "getMetrics", .service, "Figures for Prometheus", .scope(.read),
                    .content(.ok, [("text/plain", .text)], "Its text format, version 0.0.4", []))
        ]
    }

    @Sendable private func metrics(_ request: Request, _ context: WebContext) async throws -> Response {
        var text = MetricsText()
        queue(await panal.figures(), &text)
        text.add(try await panal.ledgerFigures())
        meter.write(to: &text)
        text.add(panal.outputFigures())
        store(try panal.storeFigures(), await panal.blobFigures(), &text)
        if let waiting = try await panal.waitingDeliveries() {
            text.add("panal_webhooks_waiting", .gauge, "Webhook messages that have not arrived.", Double(waiting))
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: .init(string: text.text)))
    }

    private func queue(_ figures: ServiceFigures, _ text: inout MetricsText) {
        text.add("panal_jobs_waiting", .gauge, "Jobs that wait for cores and memory.", Double(figures.waiting))
        text.add("panal_jobs_running", .gauge, "Jobs that hold a reservation.", Double(figures.running))
        text.add("panal_cores_used_ratio", .gauge, "Part of all cores that is given out.", figures.utilisation)
        text.add("panal_jobs_started_total", .counter, "Jobs that were started.", Double(figures.starts))
        text.add(
            "panal_jobs_wait_seconds_total", .counter, "Time that started jobs had waited.",
            figures.waitTime.inSeconds)
        text.add(
            "panal_jobs_ended_total", .counter, "Jobs by final state.", label: "state",
            JobState.allCases.filter(\.isFinal).map { ($0.rawValue, Double(figures.ends[$0] ?? 0)) })
        text.add(
            "panal_attempts_repeated_total", .counter, "Attempts that were made again after a fault of Panal's.",
            Double(figures.retries))
        text.add("panal_decisions_total", .counter, "Decisions of the scheduler.", Double(figures.decisions))
        text.add(
            "panal_decision_seconds_total", .counter, "Time that these took.", figures.decisionTime.inSeconds)
        if let isAttended = figures.isAttended {
            text.add(
                "panal_desk_attended", .gauge, "Whether somebody works at this machine.", isAttended ? 1 : 0)
        }
    }

    private func store(_ store: StoreFigures?, _ blobs: BlobFigures?, _ text: inout MetricsText) {
        if let store {
            text.add(
                "panal_store_transaction_seconds", "Time of transactions that wrote.", [([], store.transactions)])
            text.add(
                "panal_store_failures_total", .counter, "Transactions that failed.", Double(store.failures))
            text.add(
                "panal_store_bytes", .gauge, "Size of the database with its log.", Double(store.databaseBytes))
        }
        if let blobs {
            text.add("panal_blobs", .gauge, "Files that are kept, at the last look.", Double(blobs.count))
            text.add("panal_blob_bytes", .gauge, "Bytes of these.", Double(blobs.bytes))
            text.add(
                "panal_data_free_bytes", .gauge, "What the disk of the data had left, at the last look.",
                Double(blobs.freeBytes))
        }
    }
}
