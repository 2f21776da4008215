package import PanalCore
package import PanalManifest

/// The first administrator's name and password, known only in this answer: shown once to whoever started the service.
package struct FirstStart: Hashable, Sendable {
    package let name: String
    package let password: String
}

/// A new session. Token and `csrf` are secrets of the browser.
package struct SignedIn: Hashable, Sendable {
    /// 256 random bits as text, for the session cookie.
    package let token: String
    /// What every form of this session carries; it follows from the token, not the other way round.
    package let csrf: String
    package let principal: Principal
    package let expires: Timestamp
}

/// Who a session's token belongs to.
package struct SessionInfo: Hashable, Sendable {
    package let principal: Principal
    package let csrf: String
    package let expires: Timestamp
}

/// The file that a program is published as: an executable, a script, or an archive of a folder (.zip, .tar, .tar.gz).
package struct ProgramUpload: Hashable, Sendable {
    /// As the client named it; only its last part is used. Its ending tells an archive from a program.
    package var fileName: String
    /// What `BlobWriter.finish` answered. Never a hash that a client sent: knowing one must not give access to the content.
    package var content: ContentHash

    package init(fileName: String, content: ContentHash) {
        self.fileName = fileName
        self.content = content
    }
}

/// A program as its users see it: with one of its versions and what that version's manifest says.
package struct ProgramEntry: Hashable, Sendable {
    package let program: Program
    package let version: ProgramVersion
    package let ownerName: String
    package let manifest: Manifest
    /// Whether the principal who asked may publish new versions and change its visibility.
    package let isOwn: Bool
}

/// A profile, and why it cannot run here, nil when it can.
package struct ProfileAvailability: Hashable, Sendable {
    package let profile: Profile
    package let refusal: String?
    /// What the machine has too little of, where it is that.
    package let shortage: HostShortage?
}

package struct Health: Hashable, Sendable {
    /// False while starting and stopping: then no jobs are taken.
    package let takesJobs: Bool
    package let runningJobs: Int
    package let waitingJobs: Int
}
