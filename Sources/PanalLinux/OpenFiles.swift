internal import CPanalSyscalls

/// How many descriptors this process may have open.
package enum OpenFiles {
    /// Raises the limit to the most that this process may have: a run's result files are descriptors until they are stored,
    /// and the usual limit of a shell or a service is 1024.
    package static func allowMost() throws(SystemCallFailure) {
        var limits: [UInt64] = [0, 0]
        try SystemCallFailure.check(unsafe panal_get_limit(panal_rlimit_nofile(), &limits), "getrlimit(nofile)")
        guard limits[0] < limits[1] else { return }
        try SystemCallFailure.check(panal_set_limit(panal_rlimit_nofile(), limits[1], limits[1]), "setrlimit(nofile)")
    }
}
