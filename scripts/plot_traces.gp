# Draws layers.csv with gnuplot: dead units on the batch, and gradient norms, a line per layer.
#
#   gnuplot -c scripts/plot_traces.gp runs/digits-relu/layers.csv traces.svg
#   reluscope run c.json --trace layers=- -q | gnuplot -c scripts/plot_traces.gp - traces.png
#
# The ending of the second name says the format: svg, png or pdf. Lines run from dark (nearest the input) to light.
# Exit codes: 0 drawn, 1 the picture cannot be written, 2 bad usage or a table that this cannot draw, said in one line.
me = "plot_traces.gp: "
if (ARGC != 2) { print me."usage: gnuplot -c plot_traces.gp LAYERS.csv PICTURE.svg (or .png, .pdf)"; exit status 2 }

# ---- names from the command line: a shell gets them in quotes; ./ keeps gnuplot from calling one for "<" and "|" ---
quoted = ""
do for [i=1:strlen(ARG1)] { quoted = quoted.(ARG1[i:i] eq "'" ? "'\\''" : ARG1[i:i]) }
quoted = "'".(ARG1[1:1] eq "/" ? "" : "./").quoted."'"
place = "."
do for [i=1:strlen(ARG2)] { if (ARG2[i:i] eq "/") { place = ARG2[1:i] } }
directory = ""
do for [i=1:strlen(place)] { directory = directory.(place[i:i] eq "'" ? "'\\''" : place[i:i]) }
directory = "'".(place[1:1] eq "/" ? "" : "./").directory."'"
output = (ARG2[1:1] eq "/" ? "" : "./").ARG2
called = ARG1 eq "-" ? "standard input" : "'".ARG1."'"

ending = strlen(ARG2) > 4 ? ARG2[strlen(ARG2)-3:] : ""
kind = ending eq ".svg" ? "svg" : ending eq ".png" ? "pngcairo" : ending eq ".pdf" ? "pdfcairo" : ""
if (kind eq "") { print me."'".ARG2."' has to end in .svg, .png or .pdf"; exit status 2 }
if (strstrt(" ".GPVAL_TERMINALS." ", " ".kind." ") == 0) {
  print me."this gnuplot draws no ".ending.": it was built without ".kind; exit status 2
}
if (ARG1 ne "-" && system("test -e ".quoted." && echo y") eq "") { print me."there is no file ".called; exit status 2 }
if (ARG1 ne "-" && system("test -d ".quoted." && echo y") ne "") {
  print me.called." is a directory: name the layers.csv in it"; exit status 2
}
if (ARG1 ne "-" && system("test -r ".quoted." && echo y") eq "") { print me."cannot read ".called; exit status 2 }
if (system("test -d ".directory." && test -w ".directory." && echo y") eq "") {
  print me."cannot write '".ARG2."': its directory is missing or not to be written to"; exit status 1
}

# ---- which table it is ------------------------------------------------------------------------------------------------
# A shell takes the header and no byte more, so that a pipe goes on with the first row. Its names become words.
first_line = "IFS= read -r line; printf %s \"$line\""
as_words = "LC_ALL=C tr -cd '[:print:]' | tr ' ,' '_ ' | tr -d '\"'"
header = system("{ ".first_line." | ".as_words."; }".(ARG1 eq "-" ? "" : " < ".quoted))
if (header eq "") { print me.called." is empty: layers.csv of a run is needed"; exit status 2 }
if (header[1:1] eq "{" || header[1:1] eq "[") {
  print me.called." is JSON: this draws layers.csv; scripts/plot_traces.py draws JSON Lines of layers as well"
  exit status 2
}
array at[9]
array wanted[9] = ["step", "layer", "grad_norm_w", "batch_dead_fraction", "name", "activation", "run", \
                   "dead_fraction", "role"]
do for [i=1:9] { at[i] = 0; do for [k=1:words(header)] { if (word(header, k) eq wanted[i]) { at[i] = k } } }
has(name) = strstrt(" ".header." ", " ".name." ") > 0
if (at[7] && at[1]) {
  print me.called." has several runs in it: scripts/plot_traces.py draws them; this draws layers.csv of one run"
  exit status 2
}
if (!(at[1] && at[2] && at[3])) {
  found = "has the columns ".(strlen(header) > 120 ? header[1:120]." ..." : header)
  other = ""
  if (at[1] && at[8]) { found = "is census.csv"; other = "; scripts/plot_traces.py draws the census" }
  if (has("train_loss")) { found = "is evaluation.csv"; other = "; scripts/plot_traces.py draws it" }
  if (at[1] && has("loss")) { found = "is steps.csv"; other = "; scripts/plot_traces.py draws the steps" }
  if (has("unit") && has("state")) { found = "is units.csv"; other = "; reluscope report draws the units" }
  if (has("unit") && has("low")) { found = "is histograms.csv"; other = "; reluscope report draws it" }
  print me.called." ".found.": this draws layers.csv (step, layer, grad_norm_w)".other
  exit status 2
}

# ---- reading, once: a pipe cannot be read twice -----------------------------------------------------------------------
# A row of layer 0 comes last, so that there is something to read in any case. -1 stands for what no axis can show.
last = "0"
do for [i=2:words(header)] { last = last.",0" }
rest = "< ".(ARG1 eq "-" ? "cat" : "tail -n +2 ".quoted)."; echo; echo ".last
set datafile separator comma
set datafile commentschars ""
above(x, least) = x >= least ? x : -1
number(k, least) = k == 0 ? -1 : valid(k) ? above(column(k), least) : -1
text(k) = k == 0 ? "" : strcol(k)
can_die(activation, role) = role ne "output" && activation ne "identity" && activation ne "linear"
dead_here(k) = can_die(text(at[6]), text(at[9])) ? number(k, 0) : -1
set table $trace separator tab
plot rest using (number(at[1], 0)):(number(at[2], 0)):(dead_here(at[4])):(number(at[3], 1e-300)) \
                :(text(at[5])):(text(at[6])) with table
unset table
set datafile separator tab
stats $trace using 2 nooutput
layers = int(STATS_max)
if (layers < 1) { print me.called." has a header and no rows of layers yet"; exit status 2 }
if (layers > 10000) { print me.called." has the layer ".layers.": at most 10000 can be drawn"; exit status 2 }
array names[layers]
do for [l=1:layers] { names[l] = sprintf("layer %d", l) }
before(name) = name[1:1] eq " " ? name[2:] : name  # the table has a space on either side of a text
bare(name) = name[strlen(name):] eq " " ? before(name[:strlen(name)-1]) : before(name)
label(l, name, activation) = (name ne "" ? sprintf("%d: %s", l, name[1:24]) : sprintf("layer %d", l)). \
                             (activation ne "" ? " (".activation[1:16].")" : "")
called_so(l, name, activation) = l < 1 ? 0 : (names[int(l)] = label(l, bare(name), bare(activation)), 1)
array dead[layers]
array norms[layers]
do for [l=1:layers] { dead[l] = 0; norms[l] = 0 }
lowest = 1e300
highest = 0.0
range(norm) = norm > 0 ? (lowest = norm < lowest ? norm : lowest, highest = norm > highest ? norm : highest) : 0
count(l, share, norm) = l < 1 ? 0 : (dead[int(l)] = dead[int(l)] + (share >= 0), \
                                     norms[int(l)] = norms[int(l)] + (norm > 0), range(norm))
stats $trace using (called_so($2, strcol(5), strcol(6)), count($2, $3, $4), $1) nooutput
steps = STATS_max > 0 ? STATS_max : 1
with_dead = ""
with_norms = ""
longest = 0
do for [l=1:layers] {
  if (strlen(names[l]) > longest) { longest = strlen(names[l]) }
  if (dead[l]) { with_dead = with_dead.l." " }
  if (norms[l]) { with_norms = with_norms.l." " }
}

# ---- drawing; names of layers are text, whatever is in them -----------------------------------------------------------
if (kind eq "svg") { set terminal svg size 900,640 dynamic noenhanced background "white" font "sans-serif,13" }
if (kind eq "pngcairo") { set terminal pngcairo size 900,640 noenhanced font "sans-serif,11" }
if (kind eq "pdfcairo") { set terminal pdfcairo size 9in,6.4in noenhanced font "sans-serif,12" }
set output output
set palette defined (0 "#414487", 1 "#31688e", 2 "#21918c", 3 "#35b779", 4 "#5ec962")
set cbrange [1:layers > 1 ? layers : 2]
set cblabel "layer (1 is nearest the input)"
few = layers <= 12
if (few) { unset colorbox; set rmargin 6 + int(0.9 * longest) }  # the panels end at the same step
# Rows of other layers are passed over (NaN); a norm that a log axis cannot show (-1) is a gap.
set datafile missing NaN
set multiplot layout 2,1
set lmargin 10
set border 3
set tics nomirror
set grid ytics lt 1 lc rgb "#dddddd"
set xrange [0:*]
if (STATS_max == 0) { set xrange [0:1] }
dots = |$trace| < 100 ? 0.4 : 0  # a line of one point would not be seen
set xlabel "step (updates made)"
set title "Units dead on the batch" noenhanced
set ylabel "share of the layer's units (%)"
set yrange [0:100]
if (few) { set key at graph 1.02, graph 1 left top Left reverse samplen 2 noenhanced } else { unset key }
if (with_dead ne "") {
  plot for [l in with_dead] $trace using ($2 == int(l) && $3 >= 0 ? $1 : NaN):(100 * $3) with linespoints pt 7 ps dots \
    lc palette cb int(l) lw 1.5 title names[int(l)]
} else {
  set label 1 "no layer here has units that can die" at graph 0.5, 0.5 center textcolor rgb "#777777"
  plot [0:steps] -1 notitle
  unset label 1
}
set title "Gradient norm of the weights" noenhanced
set ylabel "gradient norm of W"
if (with_norms ne "") {
  set yrange [*:*]
  if (lowest == highest) { set yrange [lowest / 10:highest * 10] }
  set logscale y
  unset mytics
  set format y "%.0e"
  plot for [l in with_norms] $trace using ($2 == int(l) ? $1 : NaN):4 with linespoints pt 7 ps dots \
    lc palette cb int(l) lw 1.5 title names[int(l)]
} else {
  set label 1 "every gradient is exactly 0, or none was measured" at graph 0.5, 0.5 center textcolor rgb "#777777"
  plot [0:steps] -1 notitle
}
unset multiplot
unset output
