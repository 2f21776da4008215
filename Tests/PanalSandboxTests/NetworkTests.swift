import Foundation
import Glibc
import PanalCore
import PanalSandbox
import Testing

/// What of a network a run has, and that it is the run's own.
extension LiveCells {
    @Suite(.serialized) struct NetworkTests {
        /// Ends with what `expression` raised as an errno; 0 when it raised nothing.
        private static func attempt(_ expression: String) -> String {
            """
            import socket, sys
            try:
                \(expression)
            except OSError as error: sys.exit(error.errno)
            """
        }

        private func ending(
            _ expression: String, _ harness: CellHarness, seccomp: String = "loopback", network: CellNetwork
        ) async -> Outcome {
            let script = Self.attempt(expression)
            return await harness.run(["/usr/bin/python3", "-c", script], seccomp: seccomp, network: network).result
                .outcome
        }

        /// Addresses of one host's loopback: both families, where this kernel has both.
        private static var loopbacks: [(family: String, address: String)] {
            let v4 = (family: "AF_INET", address: "127.0.0.1")
            let hasV6 = FileManager.default.fileExists(atPath: "/proc/sys/net/ipv6")
            return hasV6 ? [v4, (family: "AF_INET6", address: "::1")] : [v4]
        }

        @Test func withoutANetworkNothingIsUpAndNoSocketIsMade() async throws {
            try await CellHarness.with { harness in
                let (_, sink) = await harness.shell("ls /proc/net /sys/class/net 2>/dev/null; echo end")
                #expect(sink.output == "end\n")
                for family in ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"] {
                    let outcome = await ending(
                        "socket.socket(socket.\(family))", harness, seccomp: "default", network: .none)
                    #expect(outcome != .exited(code: 0), "\(family)")
                }
                // A policy that lets sockets be made gives no network: the interface stays down.
                let outcome = await ending(
                    "socket.create_connection(('127.0.0.1', 9))", harness, network: .none)
                #expect(outcome == .exited(code: Int(ENETUNREACH)))
            }
        }

        @Test func aServerAndItsClientTalkOverTheLoopback() async throws {
            try await CellHarness.with { harness in
                for (family, address) in Self.loopbacks {
                    let script = """
                        import os, socket
                        server = socket.create_server(("\(address)", 8080), family=socket.\(family))
                        if os.fork() == 0:
                            with socket.create_connection(("\(address)", 8080)) as client:
                                client.sendall(b"hello")
                                print(client.recv(99).decode(), flush=True)
                            os._exit(0)
                        peer, _ = server.accept()
                        peer.sendall(peer.recv(99).upper())
                        peer.close()
                        os.wait()
                        """
                    let (result, sink) = await harness.run(
                        ["/usr/bin/python3", "-c", script], seccomp: "loopback", network: .loopback)
                    #expect(result.outcome == .exited(code: 0), "\(sink.error)")
                    #expect(sink.output == "HELLO\n", "\(family)")
                }
                let list = """
                    import array, fcntl, socket, struct
                    names = array.array("B", bytes(4096))
                    request = struct.pack("iL", 4096, names.buffer_info()[0])
                    used = struct.unpack("iL", fcntl.ioctl(socket.socket(), 0x8912, request))[0]
                    print([names.tobytes()[i:i + 16].strip(b"\\0") for i in range(0, used, 40)])
                    """
                let (_, sink) = await harness.run(
                    ["/usr/bin/python3", "-c", list], seccomp: "loopback", network: .loopback)
                #expect(sink.output == "[b'lo']\n", "\(sink.error)")
            }
        }

        /// The host's own listeners on its loopback, and its abstract Unix sockets, are not there.
        @Test func theHostsListenersAreOutOfReach() async throws {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let port = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                    guard bind(descriptor, general, length) == 0, listen(descriptor, 5) == 0,
                        getsockname(descriptor, general, &length) == 0
                    else { return UInt16(0) }
                    return pointer.pointee.sin_port.bigEndian
                }
            }
            #expect(port != 0)
            try await CellHarness.with { harness in
                let outcome = await ending(
                    "socket.create_connection(('127.0.0.1', \(port)))", harness, network: .loopback)
                #expect(outcome == .exited(code: Int(ECONNREFUSED)))
            }
        }

        /// While one run listens, by a port and by an abstract name, neither another beside it nor the next one finds it.
        @Test func noRunFindsTheListenersOfAnother() async throws {
            try await CellHarness.with { harness in
                let listening = """
                    import socket, time, sys
                    server = socket.create_server(("127.0.0.1", 8081))
                    named = socket.socket(socket.AF_UNIX)
                    named.bind("\\0panal-test")
                    named.listen()
                    print("ready", flush=True)
                    time.sleep(60)
                    """
                let reach = [
                    "socket.create_connection(('127.0.0.1', 8081))",
                    "socket.socket(socket.AF_UNIX).connect('\\0panal-test')",
                ]
                for network in [CellNetwork.loopback, .none] {
                    let sink = MemorySink()
                    let id = AttemptID(job: JobID.make(at: Timestamp(microseconds: 0)), number: 7, nonce: 7)
                    // A share, so that the other fits beside it on the same core.
                    let shared = CellLimits.test.with(\.cpu, .shared(millicores: 500))
                    let script = network == .loopback ? listening : listening.replacing("server = ", with: "#")
                    async let first = harness.run(
                        ["/usr/bin/python3", "-c", script], limits: shared, seccomp: "loopback", network: network,
                        sink: sink, id: id)
                    while sink.output.isEmpty, sink.error.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                    #expect(sink.output == "ready\n", "\(sink.error)")
                    for isAfter in [false, true] {
                        if isAfter {
                            await harness.executor.cancel(id)
                            #expect(await first.result.outcome == .cancelled)
                        }
                        for expression in reach {
                            let (result, _) = await harness.run(
                                ["/usr/bin/python3", "-c", Self.attempt(expression)], limits: shared,
                                seccomp: "loopback", network: network)
                            let isRefused = [ECONNREFUSED, ENETUNREACH].contains {
                                result.outcome == .exited(code: Int($0))
                            }
                            #expect(isRefused, "\(network) \(isAfter) \(expression) \(result.outcome)")
                        }
                    }
                }
            }
        }

        /// A loopback is for TCP, UDP and Unix sockets; the rest of the kernel's networking stays shut.
        @Test func otherFamiliesAreRefused() async throws {
            try await CellHarness.with { harness in
                let script = """
                    import errno, socket
                    made = []
                    for kind in [(17, 3), (17, 2), (16, 3), (2, 3, 1), (2, 2, 1), (10, 3, 58), (2, 1, 132), (40, 1), (38, 5),
                                 (31, 3, 1), (44, 3), (29, 3, 1)]:
                        try: made.append((kind, socket.socket(*kind)))
                        except OSError as error:
                            if error.errno != errno.EPERM: made.append((kind, error))
                    print(made)
                    """
                let (_, sink) = await harness.run(
                    ["/usr/bin/python3", "-c", script], seccomp: "loopback", network: .loopback)
                #expect(sink.output == "[]\n", "\(sink.error)")
            }
        }
    }
}
