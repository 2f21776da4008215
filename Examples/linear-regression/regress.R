# regress.R TABLE SEPARATOR RESPONSE PREDICTORS CONFIDENCE [origin]
fail <- function(...) { message(...); quit(status = 2) }
given <- commandArgs(TRUE)
separator <- if (given[2] == "tab") "\t" else given[2]
table <- tryCatch(
    read.csv(given[1], sep = separator, dec = if (separator == ";") "," else ".", stringsAsFactors = TRUE),
    error = function(problem) fail("the table cannot be read: ", conditionMessage(problem)))
predictors <- strsplit(given[4], "+", fixed = TRUE)[[1]]
missing <- setdiff(c(given[3], predictors), names(table))
if (length(missing)) fail("no column ", toString(missing), "; there are ", toString(names(table)))
if (!is.numeric(table[[given[3]]])) fail("the column ", given[3], " does not hold numbers only")
formula <- reformulate(predictors, given[3], intercept = is.na(given[6]))
model <- tryCatch(lm(formula, table, na.action = na.exclude), error = function(problem) fail(conditionMessage(problem)))
found <- cbind(summary(model)$coefficients, confint(model, level = as.numeric(given[5])))
write.csv(data.frame(coefficient = rownames(found), found, check.names = FALSE), "coefficients.csv", row.names = FALSE)
write.csv(data.frame(table, fitted = fitted(model), residual = residuals(model)), "fitted.csv", row.names = FALSE)
capture.output(summary(model), file = "summary.txt")
svg("residuals.svg", width = 7, height = 5)
plot(fitted(model), residuals(model), xlab = "model", ylab = "not explained", pch = 19, col = "#1e66d0")
abline(h = 0, lty = 2)
invisible(dev.off())
