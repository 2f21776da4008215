package import PanalCore

extension WaitingReason {
    /// In English, as programs are told it.
    package var sentence: String {
        let inFront = "\(Words.count(ahead, "job")) \(ahead == 1 ? "is" : "are") ahead"
        if let cause { return ahead == 0 ? cause.sentence : "\(cause.sentence); \(inFront)" }
        return causeOfFirst.map { "\(inFront), the first of them \($0.sentence)" } ?? inFront
    }
}

extension WaitingReason.Cause {
    fileprivate var sentence: String {
        switch self {
        case .jobsOf(let party, let own, let running, let most):
            let others = "\(party.words) has \(Words.count(running, "job")) running"
            return running >= most
                ? "\(others), the most that it may have" : "is \(own) jobs together, \(others) of at most \(most)"
        case .coresOf(let party, let own, let running, let most):
            return "needs \(Words.ofCores(own)), \(party.words) has \(Words.cores(running)) of at most \(most) already"
        case .noOpenHost: return "no host that it may run on is open"
        case .cellsTogether(let count, let cores, let free, let release):
            return "needs \(Words.count(count, "cell")) with \(Words.cores(cores)) cores at the same time, "
                + Words.areFree(free) + Self.next(release)
        case .lacks(let lacks, let release):
            return lacks.map(\.words).joined(separator: ", and ") + Self.next(release)
        case .onDifferentHosts: return "needs cores and memory that are free on different hosts only"
        case .idleCores: return "waits for idle cores"
        case .hostsInPartTaken: return "needs cells on hosts that are in part taken"
        }
    }

    private static func next(_ release: Timestamp?) -> String {
        release.map { ", the next release is expected by \(Words.clock($0.microseconds))" } ?? ""
    }
}

extension WaitingReason.Lack {
    fileprivate var words: String {
        switch self {
        case .wholeCores(let needed, let free): "needs \(Words.count(needed, "whole core")), \(Words.areFree(free))"
        case .sharedCores(let needed, let left):
            "needs \(Words.cores(needed)) shared cores, \(Words.cores(left)) left in all"
        case .memory(let needed, let free):
            "needs \(ByteCount.text(needed)) of memory, \(free == 0 ? "none" : ByteCount.text(free)) is free"
        }
    }
}

extension WaitingReason.Party {
    fileprivate var words: String {
        switch self {
        case .user(let name): "user ‘\(name)’"
        case .group(let name): "group ‘\(name)’"
        }
    }
}
