/// One address that the server listens on, and what it shows there.
package struct Listener: Sendable {
    package var host: String
    /// 0 takes a free one.
    package var port: Int
    package var faces: Set<Face>
    /// With one, the listener speaks TLS alone, HTTP/2 and HTTP/1.1; nil for plain HTTP/1.1.
    package var certificate: ServerCertificate?
    /// Connections at a time. Those that ask for nothing make room for new ones; when all of them are busy, new ones wait.
    package var maximumConnections: Int
    package var pace: Pace

    package init(
        host: String, port: Int, faces: Set<Face> = Set(Face.allCases), certificate: ServerCertificate? = nil,
        maximumConnections: Int = 4_096, pace: Pace = Pace()
    ) {
        self.host = host
        self.port = port
        self.faces = faces
        self.certificate = certificate
        self.maximumConnections = maximumConnections
        self.pace = pace
    }
}

/// How slow a client may be. Somebody who holds a connection without using it costs a descriptor.
package struct Pace: Hashable, Sendable {
    /// A connection may wait so long for the whole head of its next request.
    package var head: Duration
    /// The handshake of TLS is to be over by then.
    package var handshake: Duration
    /// A request's body and the reading of its answer may stand still so long altogether, and longer by what `bytesEachSecond` says.
    package var grace: Duration
    package var bytesEachSecond: Int
    /// A body that nobody wants any more, since its request is answered, is read so long before the connection is closed.
    package var linger: Duration

    package init(
        head: Duration = .seconds(75), handshake: Duration = .seconds(10), grace: Duration = .seconds(30),
        bytesEachSecond: Int = 1_024, linger: Duration = .seconds(10)
    ) {
        self.head = head
        self.handshake = handshake
        self.grace = grace
        self.bytesEachSecond = max(1, bytesEachSecond)
        self.linger = linger
    }

    /// How long `bytes` may take.
    func allowance(for bytes: Int) -> Duration {
        grace + .milliseconds(Int64(bytes) * 1_000 / Int64(bytesEachSecond))
    }
}
