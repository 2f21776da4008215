#!/usr/bin/gnuplot -c
# plot.gp TABLE, the rest in the environment.
env(name) = system("printenv " . name)
set datafile separator comma
set key autotitle columnhead outside
set grid lc rgb "#cccccc"
size = env("WIDTH") . "," . env("HEIGHT")
if (env("FORMAT") eq "svg") {
    eval "set terminal svg dynamic font 'DejaVu Sans,13' background '#ffffff' size " . size
} else {
    eval "set terminal pngcairo font 'DejaVu Sans,11' size " . size
}
set output "plot." . env("FORMAT")
if (env("LOG") ne "") { eval "set logscale " . env("LOG") }
if (env("FROM") ne "") { set xrange [env("FROM") + 0 : env("TO") + 0] }
title = env("TITLE")
set title title noenhanced
set linetype 1 lc rgb env("COLOUR")
set style fill solid 0.6
x = env("X") + 0
smooth = env("SMOOTH") eq "" ? "" : "smooth " . env("SMOOTH")
style = env("STYLE")
plot for [c in env("COLUMNS")] ARG1 using x:int(c) @smooth with @style
