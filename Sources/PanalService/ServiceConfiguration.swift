package import PanalCore
import PanalPublication
package import PanalScheduler

/// What an operator may set. Sizes in bytes.
package struct ServiceConfiguration: Hashable, Sendable {
    /// The queue's length, its order, and what users and groups may have; a job beyond these is refused with `overloaded`.
    package var schedule: ScheduleSettings
    /// How long a job may be in each state.
    package var deadlines: StateDeadlines
    /// Attempts at a job that fails through Panal's fault; 1 for no second one.
    package var attempts: Int
    /// The cores of this host as they are near to each other, and what it gives to opportunistic jobs; nil for what the executor
    /// says.
    package var host: HostDescription?
    /// Bytes of one uploaded file.
    package var maximumUploadBytes: Int
    /// What a program's archive may unpack to: bytes, and files and folders.
    package var maximumProgramBytes: Int
    package var maximumProgramFiles: Int
    package var sessionLifetime: Duration
    /// Characters of a password, at least.
    package var minimumPasswordLength: Int
    package var passwordCost: PasswordCost
    package var throttle: ThrottleRule
    /// Used where neither the submission nor the manifest names a profile.
    package var defaultProfile: String
    package var credits: CreditRules
    /// What the tests of one publication may take together, their waiting counted.
    package var testTime: Duration
    /// Publications whose tests run at the same time: of all users, and of one.
    package var testsAtOnce: Int
    package var testsOfOneAtOnce: Int

    package init(
        queueLimit: Int = 1_000, schedule: ScheduleSettings = ScheduleSettings(),
        deadlines: StateDeadlines = StateDeadlines(), attempts: Int = 3, host: HostDescription? = nil,
        maximumUploadBytes: Int = 1 << 30, maximumProgramBytes: Int = 1 << 30,
        maximumProgramFiles: Int = 10_000, sessionLifetime: Duration = .seconds(12 * 3_600),
        minimumPasswordLength: Int = 10, passwordCost: PasswordCost = .standard, throttle: ThrottleRule = .standard,
        defaultProfile: String = "small", credits: CreditRules = CreditRules(),
        testTime: Duration = TestRun.time, testsAtOnce: Int = 8, testsOfOneAtOnce: Int = 2
    ) {
        self.credits = credits
        self.testTime = testTime
        self.testsAtOnce = testsAtOnce
        self.testsOfOneAtOnce = testsOfOneAtOnce
        self.schedule = schedule
        self.schedule.queueLimit = max(0, queueLimit)
        self.deadlines = deadlines
        self.attempts = max(1, attempts)
        self.host = host
        self.maximumUploadBytes = maximumUploadBytes
        self.maximumProgramBytes = maximumProgramBytes
        self.maximumProgramFiles = maximumProgramFiles
        self.sessionLifetime = sessionLifetime
        self.minimumPasswordLength = minimumPasswordLength
        self.passwordCost = passwordCost
        self.throttle = throttle
        self.defaultProfile = defaultProfile
    }
}

extension ServiceConfiguration {
    /// Jobs that may wait for cores and memory; the next one is refused with `overloaded`.
    package var queueLimit: Int { schedule.queueLimit }
}

/// Parameters of scrypt (RFC 7914). The standard ones are OWASP's: 128 MiB and about a third of a second for each password.
package struct PasswordCost: Hashable, Sendable {
    /// Binary logarithm of N, 1 to 20.
    package var exponent: Int
    package var blockSize: Int
    package var parallelism: Int

    package init(exponent: Int, blockSize: Int, parallelism: Int) {
        self.exponent = exponent
        self.blockSize = blockSize
        self.parallelism = parallelism
    }

    package static let standard = PasswordCost(exponent: 17, blockSize: 8, parallelism: 1)
}

/// When sign-in makes people wait: from the `tries`-th failure on, 1 s, 2 s, 4 s… up to `longest`.
package struct ThrottleRule: Hashable, Sendable {
    /// Failures of one name from one address.
    package var tries: Int
    /// Failures of one address, whatever the name; and of one name, whatever the address.
    package var triesAltogether: Int
    package var longest: Duration
    /// After that long without a failure everything is forgotten.
    package var memory: Duration

    package init(tries: Int, triesAltogether: Int, longest: Duration, memory: Duration) {
        self.tries = tries
        self.triesAltogether = triesAltogether
        self.longest = longest
        self.memory = memory
    }

    package static let standard = ThrottleRule(
        tries: 5, triesAltogether: 30, longest: .seconds(300), memory: .seconds(3_600))
}
