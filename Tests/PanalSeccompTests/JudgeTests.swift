import Foundation
import Testing

@testable import PanalSeccomp

@Suite("Supervised filters and what is said about a refusal")
struct JudgeTests {
    private static let toSupervisor: UInt32 = 0x7fc0_0000

    static let subjects = CompilerTests.subjects

    /// Over the same calls that the compiler is checked with: where the enforcing filter refuses, the supervised one asks, and
    /// the judge's answer is the enforcing filter's.
    @Test("A supervised filter asks about what is refused, and the judge answers as the policy", arguments: subjects)
    func asksAboutRefusals(_ subject: CompilerTests.Subject) throws {
        let policy = try subject.read()
        let judge = try SeccompJudge(policy)
        let enforcing = try BPFMachine(policy.compiled().instructions)
        let supervised = try BPFMachine(policy.compiled(for: .supervised).instructions)
        var wrong: [SeccompCall] = []
        var asked = 0
        for call in Probes.calls(of: policy) {
            let (answer, question, denial) = (enforcing.answer(call), supervised.answer(call), judge.denial(of: call))
            let isRight =
                switch answer {
                case 0x7fff_0000, 0x7ffc_0000: question == answer && denial == nil
                case 0x8000_0000, 0x0000_0000: question == Self.toSupervisor && denial == .kill
                case 0x0003_0000: question == answer && denial == .kill
                case CallCase.errno(ENOSYS):
                    (question == Self.toSupervisor || question == answer) && denial == .errno(UInt16(ENOSYS))
                default: question == Self.toSupervisor && denial == .errno(UInt16(answer & 0xffff))
                }
            if question == Self.toSupervisor { asked += 1 }
            if !isRight, wrong.count < 5 { wrong.append(call) }
        }
        #expect(wrong == [])
        #expect(asked > 1_000)
    }

    @Test("Calls that programs fall back from are not asked about")
    func quiet() throws {
        let machine = try BPFMachine(Shipped.policy("default").compiled(for: .supervised).instructions)
        for number: UInt32 in [435, 335, 1_000, .max] { #expect(machine.answer(number) == CallCase.errno(ENOSYS)) }
        // Podman's default is ENOSYS too; there it stands for refusing.
        let podman = try SeccompPolicy(
            parsing: Data(Fixtures.podman.utf8), name: "podman", host: SeccompHost(architecture: .x8664, kernel: (6, 1))
        )
        #expect(try BPFMachine(podman.compiled(for: .supervised).instructions).answer(165) == Self.toSupervisor)
    }

    struct Sentence: Sendable, CustomTestStringConvertible {
        var policy = "default"
        var number: UInt32
        var architecture: UInt32 = 0xc000_003e
        var arguments: [UInt64] = []
        var says: String
        var testDescription: String { says }
    }

    static let sentences: [Sentence] = [
        Sentence(number: 41, arguments: [2, 1], says: "socket(AF_INET) was refused: the profile has no network"),
        Sentence(number: 41, arguments: [40, 1], says: "socket(AF_VSOCK) was refused: the profile has no network"),
        Sentence(
            number: 41, arguments: [1, 1],
            says: "socket(AF_UNIX) was refused by the policy ‘default’: the profile has no network, and named Unix "
                + "sockets would outlast a run; pairs (socketpair) are there"),
        Sentence(
            policy: "loopback", number: 41, arguments: [16, 3],
            says: "socket(AF_NETLINK) was refused: the profile's network is a loopback of its own, for TCP, UDP and "
                + "Unix sockets"),
        Sentence(
            number: 165,
            says: "mount was refused by the policy ‘default’: mounting is the kernel's largest source of local root "
                + "holes, and a cell's files are put together before it starts"),
        Sentence(
            number: 272, arguments: [0x1000_0080],
            says: "unshare(CLONE_NEWUSER|CLONE_NEWTIME) was refused by the policy ‘default’: a program makes no "
                + "namespaces, so that it never has the rights of a root user inside one"),
        Sentence(number: 56, arguments: [0x1000_0011], says: "clone(CLONE_NEWUSER) was refused by the policy"),
        Sentence(
            number: 16, arguments: [0, 1 << 32 | 0x5412],
            says: "ioctl(TIOCSTI) was refused by the policy ‘default’: not with these arguments. ioctl, request by"),
        Sentence(
            number: 72, arguments: [3, 1_024], says: "fcntl(F_SETLEASE) was refused by the policy ‘default’: not"),
        Sentence(number: 157, arguments: [67], says: "prctl(PR_SET_MEMORY_MERGE) was refused by the policy"),
        Sentence(number: 28, arguments: [0, 0, 12], says: "madvise(MADV_MERGEABLE) was refused by the policy"),
        Sentence(number: 435, says: "clone3 was refused by the policy ‘default’: clone3 hides its flags behind"),
        Sentence(number: 180, says: "nfsservctl was refused by the policy ‘default’: not on its list"),
        Sentence(number: 999, says: "call number 999 was refused by the policy ‘default’: not on its list"),
        Sentence(
            number: 20, architecture: 0x4000_0003,
            says: "a call by another machine's entry (i386, number 20) was refused: cells run SCMP_ARCH_X86_64 programs"
        ),
        Sentence(number: 0x4000_0001, says: "a call by another machine's entry (x32, number 1073741825) was refused"),
        Sentence(number: 0, says: "read is permitted by the policy ‘default’"),
    ]

    private static let judges = Result {
        try Dictionary(uniqueKeysWithValues: Shipped.names.map { ($0, try SeccompJudge(Shipped.policy($0))) })
    }

    @Test("A sentence per refusal", arguments: sentences)
    func sentence(_ sentence: Sentence) throws {
        let judge = try #require(try Self.judges.get()[sentence.policy])
        let call = SeccompCall(
            sentence.number, architecture: sentence.architecture, arguments: sentence.arguments)
        let text = judge.explanation(of: call)
        #expect(text.hasPrefix(sentence.says), "\(text)")
    }
}
