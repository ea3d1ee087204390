package media

// ConvertHere converts without a process of its own, so that fuzzing sees inside.
var ConvertHere = convert

// BoundsAreLoose says that this is a build whose bounds are those of the race detector.
const BoundsAreLoose = childSeconds > 60
