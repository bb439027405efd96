# What the commands say.

rules-in-force = Rule set { $version } is in force.
rules-sound = { $count ->
    [one] { $count } rule, sound
   *[other] { $count } rules, all sound
}
