/// Everything that is said about mistakes in manifests and submissions. Two tables hold the words, one for each
/// language; a test holds the tables against this list. `%1`, `%2` stand for what is filled in. The names are stable:
/// programs read them as a mistake's code.
enum ManifestPhrase: String, Hashable, Sendable, CaseIterable {
    // JSON itself.
    case jsonPlace, jsonEndsHere, jsonEndsBeforeValue, jsonValueWanted, jsonNoValue, jsonTooDeep, jsonKeyWanted
    case jsonKeyTwice, jsonColonWanted, jsonCommaOrBrace, jsonCommaOrBracket, jsonNoCommaBeforeBrace
    case jsonNoCommaBeforeBracket, jsonDigitWanted, jsonExtraZero, jsonDigitAfterPoint, jsonDigitInExponent
    case jsonNumberTooLarge, jsonNotUTF8, jsonControlCharacter, jsonQuoteMissing, jsonEndsInText, jsonNoEscape
    case jsonHalfSurrogate, jsonFourHexDigits
    case kindNull, kindBoolean, kindNumber, kindText, kindList, kindObject
    // Members of a document.
    case documentTooLarge, moreMistakes, shouldBeObject, shouldBeText, shouldBeBoolean, shouldBeList, isEmpty
    case tooManyCharacters, controlCharacter, controlCharacterOrBreak, wholeNumberFromTo, tooManyEntries
    case unknownKeyNear, unknownKey, didYouMean, knownAre, other, bothThere, fieldListMissing
    // The manifest.
    case noName, idOfProgram, idOfField, write, nameWithoutLatin, notWebAddress, unknownRootfs, writableHost
    case commandIsText, commandIsEmpty, commandElement, commandTogether, commandLeavesOut, commandRepeatsMembers
    case unknownField, unknownFieldNear, programFromField
    case fieldNotInArguments, severalValuesInText, blockStandsAlone, emptyProgram, singleBrace, openPlaceholder
    case noPlaceholder, variableTwice, variableName, variableOfField, tooManyVariables
    // Fields.
    case fieldHasNoName, noType, unknownType, idTwice, secondStandardInput, separatorWithoutFlag, separatorOfBoolean
    case countsList, notForType, moreThanOther, variableWithoutVia, standardInputOfFiles, viaOfSecret, viaVariable
    case standardInputTooLarge
    case listNeedsSeparator, unknownVia, choiceWithoutChoices, noChoices, choiceTwice, choiceWithoutValue, choiceKind
    case acceptKind, joinsList, notForTypeOnly, stepAbove, wholeStepAbove, exclusiveWithoutBound, shouldBeDate
    case shouldBeTime, shouldBeWholeNumber, shouldBeNumber, emptyRange, defaultCount, isKindShouldBe
    case patternWrong, patternTooLarge, patternManyRanges, patternLength, patternDefault
    case patternOpenGroup, patternOpenClass, patternEmptyClass, patternRange
    case patternNothingToRepeat, patternRepetition, patternEscape, patternUnsupported, patternSyntax
    // Sections, outputs, resources, exit codes, tests.
    case hasNoName, sectionOfTwo, fieldTwice, outputWithoutPath, outputFromWork, outputPath, unknownPreview
    case memberOfBlock, memberOfOtherBlock, groupAcrossBlocks, blockTwice, blocksTooLarge, blocksTooLong,
        blockWithoutFields,
        blockOfTwo
    case blockStandardInput, blockVariable
    case exitCodeKey, noMessage, networkOutside, amountOf, quantity, testFile, testHash
    // What came of tests.
    case testFailed, testTail, testInBrackets, testSkipped, testFileMissing, testsTakeLong
    case testWantsCode, testWantsSuccess, testWantsTime, testWantsFile, testWantsAtLeast, testWantsAtMost
    case testWantsHash, testWantsFileText, testWantsText
    case testCameCode, testCameSignal, testCameNotStarted, testCameProcessor, testCameLate, testCameMemory
    case testCameOutput, testCameCall, testCameNoFile, testCameFiles, testCameBytes, testCameHash, testCameNoText
    case testWrote, testWroteNothing
    // Submissions.
    case noSuchField, noSuchFieldNear, moreUnknownFields, tooManyFiles, tooLargeTogether, isNeeded, takesOne
    case takesSeveral, takesNotFile, takesFile, fileKind, fileTooLarge, theValue
    case textTooLong, hasNUL, notDate, notTime, notEmail, notURL, notColour, notBoolean, notNumber, notNumberComma
    case notWholeNumber, notOneOf, notSingleLine, tooShort, tooLong, notJSON, atLeast, atMost, moreThan, lessThan
    case notStep, notPattern, textsTooLarge, takesBlocks, blockForm, memberAlone
    case typeText, typeNumber, typeInteger, typeBoolean, typeChoice, typeFile, typeDate, typeTime, typeEmail, typeURL
    case typeColour, typeJSON, typeSecret
    // Rules.
    case conditionTooDeep, conditionForm, conditionOnlyGiven, ofItself, requiresAndDisables, groupOfTwo
    case noRule, unknownRule, groupNeedsOptional, disabledNeedsOptional, ruleWithDefault, circle, notAskedFor
    case neededWith, needsHidden, notTogether, onlyOneOf, oneOfNeeded, someNeeded, boutiquesVersion
    case boutiquesShell, boutiquesOpenQuote, boutiquesInside, boutiquesNothingLikeIt, boutiquesNoInputs,
        boutiquesCannotSay
}
