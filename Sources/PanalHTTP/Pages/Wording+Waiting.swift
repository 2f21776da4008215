import PanalCore

/// Why a job waits, in the reader's language.
extension Wording {
    /// A whole sentence.
    func waiting(_ reason: WaitingReason) -> String {
        let inFront = reason.ahead == 1 ? t(.waitsBehindOne) : t(.waitsBehind, String(reason.ahead))
        let text: String
        if let cause = reason.cause {
            text = reason.ahead == 0 ? words(cause) : "\(words(cause)); \(inFront)"
        } else {
            text = reason.causeOfFirst.map { t(.waitsFirstOfThem, inFront, words($0)) } ?? inFront
        }
        return text.prefix(1).uppercased() + text.dropFirst() + "."
    }

    private func words(_ cause: WaitingReason.Cause) -> String {
        switch cause {
        case .jobsOf(let party, let own, let running, let most):
            let others = t(.waitsLimitOfJobs, words(party), jobs(running))
            return running >= most
                ? t(.waitsLimitReached, others) : t(.waitsLimitTogether, String(own), others, String(most))
        case .coresOf(let party, let own, let running, let most):
            return t(.waitsLimitOfCores, count(own), words(party), cores(running), String(most))
        case .noOpenHost: return t(.waitsNoOpenHost)
        case .cellsTogether(let cells, let cores, let free, let release):
            return t(.waitsCellsTogether, String(cells), self.cores(cores), areFree(free)) + next(release)
        case .lacks(let lacks, let release): return lacks.map(words).joined(separator: t(.waitsAnd)) + next(release)
        case .onDifferentHosts: return t(.waitsOnDifferentHosts)
        case .idleCores: return t(.waitsIdleCores)
        case .hostsInPartTaken: return t(.waitsHostsInPartTaken)
        }
    }

    private func words(_ lack: WaitingReason.Lack) -> String {
        switch lack {
        case .wholeCores(1, let free): t(.waitsWholeCore, areFree(free))
        case .wholeCores(let needed, let free): t(.waitsWholeCores, String(needed), areFree(free))
        case .sharedCores(let needed, let left): t(.waitsSharedCores, cores(needed), cores(left))
        case .memory(let needed, 0): t(.waitsNoMemory, bytes(needed))
        case .memory(let needed, let free): t(.waitsMemory, bytes(needed), bytes(free))
        }
    }

    private func words(_ party: WaitingReason.Party) -> String {
        switch party {
        case .user(let name): t(.waitsUser, Self.visible(name))
        case .group(let name): t(.waitsGroup, Self.visible(name))
        }
    }

    private func next(_ release: Timestamp?) -> String {
        release.map { t(.waitsNextRelease, String($0.rfc3339.dropFirst(11).prefix(5))) } ?? ""
    }

    private func jobs(_ number: Int) -> String { number == 1 ? t(.oneJob) : t(.someJobs, String(number)) }

    private func areFree(_ number: Int) -> String {
        switch number {
        case 0: t(.waitsNoneFree)
        case 1: t(.waitsOneFree)
        default: t(.waitsSomeFree, String(number))
        }
    }

    /// `1 core`, `1.25 cores`.
    private func count(_ thousandths: Int) -> String {
        thousandths == 1_000 ? t(.oneCore) : t(.cores, cores(thousandths))
    }

    /// Thousandths as cores: 500 is `0.5`, 1250 is `1.25`.
    private func cores(_ thousandths: Int) -> String {
        let (whole, rest) = thousandths.quotientAndRemainder(dividingBy: 1_000)
        return rest == 0 ? String(whole) : decimal(String(Double(thousandths) / 1_000))
    }
}
