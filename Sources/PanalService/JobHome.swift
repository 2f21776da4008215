/// Where the tasks of jobs run that a request submits.
///
/// A job's end is told by another thread, which wakes the job's task, which wakes the client's. Each step from one thread to another takes
/// longer than what is done there, so that both are best at home on the thread that the client's connection has.
package enum JobHome {
    /// Nil for no preference.
    @TaskLocal package static var current: (any TaskExecutor)?
}
