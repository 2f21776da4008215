import PanalCore
import Synchronization

extension RootfsPlace {
    /// Images of one user that are being made at the same time.
    private static let mostInWork = 4
    /// Of one who has a quota: what the first one comes to is known only at its end.
    private static let mostOfOneWithQuota = 1
    /// Of one who has a quota, in whatever state: what was refused is remembered, too, until its owner removes it.
    static let mostOfOne = 100

    /// Takes a place for an image that is to be made, before anything of it is stored, and answers how many bytes of the disk it may
    /// take. Whoever asks at the same moment finds the place taken. The place is to be given back by `release` when the image is
    /// recorded in the book whole, or comes to nothing.
    ///
    /// Throws `forbidden` where the principal may have no images, `overloaded` while too many of theirs are being made, and `tooLarge`
    /// where they have all that they may have.
    func reserve(_ id: RootfsID, for principal: Principal) throws -> Int {
        let most = principal.isAdministrator ? Self.mostInWork : Self.mostOfOneWithQuota
        // One that the book has whole is given back in this moment: whoever has seen that may make the next.
        let made = book.withLock { Set($0.images.lazy.filter { $0.state.deadline == nil }.map(\.id)) }
        try reserved.withLock { reserved in
            guard reserved.count(where: { $0.value == principal.user && !made.contains($0.key) }) < most else {
                throw ServiceError(
                    .overloaded, "\(most) of your images are being made: wait for one of them", retryAfter: .seconds(10)
                )
            }
            reserved[id] = principal.user
        }
        do {
            // Behind the reservation: what was on its way a moment before is in the book by now.
            return try room(of: principal)
        } catch {
            release(id)
            throw error
        }
    }

    func release(_ id: RootfsID) {
        reserved.withLock { $0[id] = nil }
    }

    private func room(of principal: Principal) throws -> Int {
        guard !principal.isAdministrator else { return .max }
        guard quota > 0 else { throw ServiceError(.forbidden, "only administrators make images here") }
        let own = book.withLock { $0.images.filter { $0.owner == principal.user } }
        guard own.count < Self.mostOfOne else {
            throw ServiceError(.tooLarge, "you have \(own.count) images, which is as many as one may have: remove some")
        }
        let room = quota - own.reduce(0) { $0 + $1.bytes }
        guard room > 0 else {
            throw ServiceError(.tooLarge, "your images have all of the \(ByteCount.text(quota)) that they may have")
        }
        return room
    }
}
