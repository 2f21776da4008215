import Mustache

/// Everything that pages say in words of their own. Two tables hold them, one for each language; a test holds the
/// tables against this list. `%1`, `%2` stand for what is filled in.
enum Phrase: String, Hashable, Sendable, CaseIterable {
    // The frame.
    case skipToContent, mainNavigation, programs, jobs, publish, users, signIn, signOut, footer, goBack, requestNumber
    // Signing in and the account.
    case signInIntroduction, userName, password, wrongSignIn, tooManyTries, userNotAvailable, account, signedInAs
    case administrator, changePassword, oldPassword, newPassword, newPasswordAgain, passwordHint
    case passwordsDiffer, apiKeys, apiKeysIntroduction, keyLabel, keyDays, keyDaysHint, makeKey, newKey, shownOnce
    case revoke, revokeKeyNamed, made, holdsUntil, holdsForever
    case keyGoodFor, lastUsed, neverUsed, scopeRead, scopeJobs, scopePrograms, scopeAccount, scopeAdministration
    case signUp, signUpInstead, signInInstead, signUpIntroduction, signUpClosed, signUpPasswordHint, passwordAgain
    case invitation, invitationNeeded, invitationOptional, invitationNotValid
    // Users.
    case role, status, since, change, newUser, newUserIntroduction, userNameHint, roleUser, makeUser, userMade
    case newPasswordFor, makeAvailable, disable, block, available, disabled, blocked, userChanged, changeUserNamed,
        resetPassword
    // Groups and invitations.
    case groups, group, members, share, limits, groupsIntroduction, newGroup, groupName, groupLabel, makeGroup
    case invitations, newInvitation, invitationShownOnce, invitationFor, invite, invitationUsed, invitationExpired
    case signUpIsClosed, signUpByInvitation, signUpIsOpen, remove, removeNamed, addMember, togetherLimits
    case shareHint, runningCores, queuedJobs, storedBytes, emptyIsNoLimit, memberRestriction
    case memberRestrictionHint, pools, restrict, noLimit
    // Programs.
    case publishProgram, noPrograms, noProgramsHint, version, `private`, publishIntroduction, manifest, manifestHint
    case programFile, programFileHint, publicProgram, aboutProgram, address, publishedBy, publishedAt, size
    case withdraw, withdrawHint, withdrawVersion, withdrawProgram, withdrawSure
    case makePublic, makePrivate, fromCommandLine, schema, run, profile, optional, olderVersion, notPublished
    // Fields.
    case fileTypes, atMostBytes, fileAgain, from, upTo, severalLines, secretHint, noChoice, fieldsWrong, allChoices
    case blockTimes, addBlock, removeBlock, blockAdded, blockRemoved
    case dropHere, uploading, stopUpload, formNotSent, snippetHint
    case oneCore, cores, coresPart, memory, diskRead
    // Jobs.
    case state, program, anyState, filter, noJobs, choosePrograms, submitted, duration, outcome, older, onlyMine
    case everyones, cancel, results, noFiles, download, nothingWritten, whole, truncated, lastPart, standardOutput
    case standardError, submission, usage, notYet, history, jobNumber, nobodyAhead, oneAhead, someAhead, startsBy,
        frozenForCores, frozenForPresence,
        stoodStill
    case queued, configuring, deploying, running, reconnecting, copyRequested, copying, finishing, finished, failed
    case cancelled
    case endedWell, endedWithCode, signalled, notStarted, cpuTimeExceeded, wallTimeExceeded, memoryExceeded
    case outputExceeded, syscallDenied, wasCancelled, systemError
    case wallTime, cpuTime, cpuSystemTime, peakMemory, peakProcesses, coresUsed, contextSwitches, throttled
    case bytesRead, bytesWritten, ofWhichForced, waited
    case copyJob, copyHint, copyNow, endBehindCopy, endBehindCopyHint, copyTooLarge, copyForbidden, copyNotNow, copies
    case copiedFromJob
    case allInOne, runAgain, sameFile, fromEarlier, shareResult, shareResultHint, shareDays, makeLink, sharedLink
    case sharedLinkHint, sharedUntil, sharedBy
    // The machine, and who did what.
    case machine, freeCore, coresTaken, waitingJobs, oneWaits, nobodyWaits, queuePlace, queueReason, queueStart,
        queueDecisions
    case auditLog, auditAction, auditTarget, auditFrom, search, tags, noSuchProgram
    case favourites, otherPrograms, favouriteNamed, endLink
    // Many runs at once.
    case sweep, sweepHint, sweepMost, sweepField, sweepNone, sweepValues, sweepRange, sweepFrom, sweepTo, sweepStep
    // Why a job waits.
    case waitsBehindOne, waitsBehind, waitsFirstOfThem, waitsLimitOfJobs, waitsLimitReached, waitsLimitTogether
    case waitsLimitOfCores, waitsNoOpenHost, waitsCellsTogether, waitsAnd, waitsOnDifferentHosts, waitsIdleCores
    case waitsHostsInPartTaken, waitsWholeCore, waitsWholeCores, waitsSharedCores, waitsNoMemory, waitsMemory
    case waitsUser, waitsGroup, waitsNextRelease, waitsNoneFree, waitsOneFree, waitsSomeFree
    case cancelledBy, tooFewCores, tooLittleMemory, noReadingLimit, profileNotAllowed
    case graphProcessor, graphMemory, graphIs, graphWas
    case batch, batchSummary, cancelAll, startTogether, previousPage, nextPage, partOfBatch
    // What becomes of outputs.
    case outputs, keptForGood, keptUntil, keptByWish, outputsRemoved, removedForAge, removedForQuota, removedOnRequest
    case keepOutputs, letGo, removeOutputs, removeOutputsHint, outputDays, outputDaysHint
    // Use and credit.
    case useAndCredit, everyonesUse, nothingCharged, credit, creditBalance, creditSetAside, paidThisMonth
    case monthlyBudget, leftOfBudget, month, anyMonth, noUse, coreTime, cost, paid, total, asTable
    case creditMovements, creditMovement, creditWhen, creditAmount, creditReason, creditGranted, creditWithdrawn,
        creditHeld
    case creditSettled, creditRefunded, atMostCredits, someCredits, notEnoughCredit
    // Administration.
    case administration, settings, settingsIntroduction, settingStandard, settingsSaved
    case accountOf, noAccounts, giveOrTake, reasonHint, give, takeBack, accountStandsAt, budgetSet
    case whoPays, whoPaysHint, paysForMembers, letPay, letNotPay, groupPays, groupPaysNot
    case costs, costsIntroduction, earned, difference, breakEven, breakEvenHint, breakEvenByUse, breakEvenByCapacity
    case partOfCost, costItems, costItem, newCostItem, price, unit, unitHour, unitMonth, unitGibibyteMonth, quantity
    case hoursADay
    case whatHolds, ownRestriction, userRestrictionHint, allocator
    case closeAccount, closeHint, closeSure, closeUnfinishedJobs, closeCredit, closeImages
    // Storage.
    case storage, storedOf, outputsKeptFor, leavingNext, nearlyFullRefuses, nearlyFullRemoves
    // Webhooks.
    case webhooks, webhooksIntroduction, webhookAddress, webhookEvents, newWebhook, makeWebhook, webhookSecret
    case chooseAnEvent, callbackSecret, callbackIntroduction, makeCallbackSecret, sendTest, deliveries, noDeliveries
    case lookAgain, attempts, nextAttempt, deliveryWaiting, deliveryArrived, deliveryFailed
    case testsFail
    case eventStarted, eventFinished, eventFailed, eventCancelled, eventExpiring, eventFilling, eventFailing, eventTest
    // Images.
    case images, image, imagesIntroduction, importImage, noImages, noImagesHint, noImageFound, imageDigest, imageOwner
    case imageAliases, imageUse, imagePublic, imagePrivate, imagesTake, imagesTakeOf, imagesOnlyOfAdministrators
    case imageUnavailable, imageProcessing, imageAvailable, imageDisabled, imageCopying, imageRemoving
    case oneProgram, somePrograms, oneJob, someJobs
    case imageName, imageNameRule, imageArchive, imageArchiveHint, imageFormat, formatAny, formatLayout, formatDocker
    case formatTree, imageTag, imageTagHint, imageTagRule, environment, imageEnvironmentHint, environmentRule
    case imageAlias, imageAliasHint, aliasRule, aliasMoves, imagePublicChoice, makeImage, chooseArchive, imagesInWork
    case imagesFull, imageNotMade
    case whatItIs, imageContents, filesFoldersLinks, architecture, entryPoint, imageCommand, workingFolder, imageUser
    case ociManifest, imageBegun, stateSince, inManifest, layers, layersHint, neutralised, nothingNeutralised
    case hadPrivileges, hadCapabilities, leftOut, firstOnes, noAliasOfImage, namedByNobody, unseenPrograms, jobsInIt
    case enable, disableImageHint, enableImageHint, wouldBeRefused, makeImagePublic, makeImagePrivate, publicHint
    case privateHint, privateRefuses, removeImageHint, removeRefused, imageMovedOn, notWhileMade
    case aliases, aliasesHint, noAliases, giveAlias, takeAway, takeAwayNamed, aliasNotSet, aliasNeedsImage
    case profileGone, userNameTaken, programNameTaken, hookAnswered
    case fileSystem, hostFiles, leadsToNoImage, mayNameImages
    // What went wrong.
    case notFoundTitle, notFoundText, forbiddenTitle, forbiddenText, failedTitle, failedText, refusedTitle
    case tooLargeTitle, tooLargeText, tooManyTitle, tooManyText, noRoomTitle, noRoomText, expiredForm
}

/// The phrases of one language, as templates find them: `{{t.signIn}}`.
struct Catalogue: MustacheParent, Sendable {
    let language: Language

    func callAsFunction(_ phrase: Phrase, _ values: String...) -> String {
        var text = table[phrase] ?? phrase.rawValue
        for (place, value) in values.enumerated() { text = text.replacing("%\(place + 1)", with: value) }
        return text
    }

    private var table: [Phrase: String] {
        switch language {
        case .spanish: spanishPhrases
        case .english: englishPhrases
        }
    }

    func child(named name: String) -> Any? {
        switch language {
        case .spanish: Self.spanish[name]
        case .english: Self.english[name]
        }
    }

    /// By name, as templates ask for them: a phrase out of its name is looked for among all, one after the other.
    private static let spanish = named(spanishPhrases)
    private static let english = named(englishPhrases)

    private static func named(_ table: [Phrase: String]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: Phrase.allCases.map { ($0.rawValue, table[$0] ?? $0.rawValue) })
    }
}
