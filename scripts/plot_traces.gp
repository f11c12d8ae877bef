# Draws layers.csv with gnuplot: dead units on the batch, and gradient norms, a line per layer.
#
#   gnuplot -c scripts/plot_traces.gp runs/digits-relu/layers.csv traces.svg
#   reluscope run c.json --trace layers=- -q | gnuplot -c scripts/plot_traces.gp - traces.png
#
# The ending of the second name says the format: svg, png or pdf. Lines run from dark (nearest the input) to light.
if (ARGC < 2) { print "usage: gnuplot -c plot_traces.gp LAYERS.csv PICTURE.svg"; exit status 2 }
input = ARG1 eq "-" ? "/dev/stdin" : ARG1
output = ARG2
ending = strlen(output) > 4 ? output[strlen(output)-2:] : ""
if (ending eq "svg") { set terminal svg size 900,640 dynamic background "white" font "sans-serif,13" } else {
  if (ending eq "pdf") { set terminal pdfcairo size 9in,6.4in font "sans-serif,12" } else {
    set terminal pngcairo size 900,640 font "sans-serif,11"
  }
}
set output output
set datafile separator comma
set datafile columnheaders
# Read once: a pipe cannot be read twice.
set table $trace separator comma
plot input using (column("step")):(column("layer")):(column("batch_dead_fraction")):(column("grad_norm_w")) with table
unset table
unset datafile columnheaders
stats $trace using 2 nooutput
layers = int(STATS_max)
set palette defined (0 "#414487", 1 "#31688e", 2 "#21918c", 3 "#35b779", 4 "#5ec962")
set cbrange [1:layers > 1 ? layers : 2]
unset colorbox
# Rows of other layers are passed over, not gaps.
set datafile missing NaN
set multiplot layout 2,1
set border 3
set tics nomirror
set grid ytics lc rgb "#cccccc"
set key outside right top
set xlabel "step (updates made)"
set ylabel "dead on the batch, %"
set yrange [0:100]
plot for [l=1:layers] $trace using ($2 == l ? $1 : NaN):(100 * $3) with lines lc palette cb l lw 1.5 title (layers <= 12 ? sprintf("layer %d", l) : "")
set ylabel "gradient norm of W"
set yrange [*:*]
set logscale y
set format y "%.0e"
plot for [l=1:layers] $trace using ($2 == l ? $1 : NaN):($4 > 0 ? $4 : NaN) with lines lc palette cb l lw 1.5 title (layers <= 12 ? sprintf("layer %d", l) : "")
unset multiplot
