internal import CPanalSyscalls
internal import Glibc

/// A place in the file system where two processes of one user that know nothing of each other meet: a socket that keeps message
/// boundaries, in a folder that only that user can reach.
package enum Rendezvous {
    /// Listens at `path`, in whose place nothing stands afterwards but this socket. Non-blocking.
    package static func listen(at path: String) throws(SystemCallFailure) -> Descriptor {
        let socket = Descriptor(
            owning: try SystemCallFailure.check(panal_seqpacket_socket(0), "socket(SOCK_SEQPACKET)"))
        unsafe unlink(path)
        try SystemCallFailure.check(unsafe panal_bind_unix(socket.raw, path), "bind(\(path))")
        try SystemCallFailure.checkErrno(unsafe chmod(path, 0o600), "chmod(\(path))")
        try SystemCallFailure.checkErrno(Glibc.listen(socket.raw, 8), "listen(\(path))")
        return socket
    }

    /// Connects to whoever listens at `path`; nil when nobody does.
    package static func connect(to path: String) throws(SystemCallFailure) -> Descriptor? {
        let socket = Descriptor(
            owning: try SystemCallFailure.check(panal_seqpacket_socket(1), "socket(SOCK_SEQPACKET)"))
        let answer = unsafe panal_connect_unix(socket.raw, path)
        if [ENOENT, ECONNREFUSED, ENOTDIR].contains(-answer) { return nil }
        try SystemCallFailure.check(answer, "connect(\(path))")
        return socket
    }

    /// The next one that has connected, if it is of this process's user; strangers are hung up on. Nil when nobody waits.
    package static func accept(from listener: borrowing Descriptor) -> Descriptor? {
        while true {
            let number = panal_accept(listener.raw)
            guard number >= 0 else { return nil }
            let socket = Descriptor(owning: number)
            var user: UInt32 = .max
            if unsafe panal_peer_user(socket.raw, &user) == 0, user == geteuid() { return socket }
        }
    }
}
