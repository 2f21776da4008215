internal import CPanalHostile
internal import Glibc

/// The hostile programs of `panal audit`, as one executable that needs nothing of the file system that it runs in.
@main
struct HostileMain {
    static func main() {
        exit(unsafe hostile_programs_main(CommandLine.argc, CommandLine.unsafeArgv))
    }
}
