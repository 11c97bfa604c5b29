"""Where libraries that offer the same rule by name compute different things: text for the book,
measured by a test.
"""

DISAGREEMENTS = """\
**One name, two rules.** zennit and captum agree on the epsilon rule: to 1e-4 of the largest
relevance in single precision, to 1e-10 in double. They do not agree on "alpha 1, beta 0" and
"gamma":

- *Signed inputs.* A contribution $x_i w_{ij}$ is positive if both factors are positive **or both
negative**. zennit
  splits the input by sign and treats both cases. captum clamps (or enlarges) the positive *weights*
  and takes the input as it comes, which is the same only behind a ReLU. The first layer of a
  network that takes a waveform, or a centred spectrogram, has negative inputs: there captum's
  alpha-beta rule adds contributions of both signs in the denominator, which then may come close to
  zero. On networks of random weights without biases its largest deviation from the rule is 80 times
  the largest relevance of a clip (AudioNet) and 340 times (AlexNet); for gamma 63 and 0.6 times.
  With inputs that are not negative the two agree to 2e-6.
- *Biases.* captum keeps biases whole, or drops all of them; zennit lets the positive part of a bias
share in the
  positive contributions, and enlarges it by gamma as it does the weights. With biases of standard
  deviation 0.1 and inputs that are not negative the maps differ by 1 to 4 per cent of the largest
  relevance.
- *Which layers.* captum has no rule for one-dimensional convolutions, `nn.Flatten` or ELU; zennit
passes the plain
  gradient through a layer that it does not know. `attribute` refuses a layer with weights that has
  no rule.

All relevance in this book follows zennit's form of the rules.
"""
