package media

// ConvertHere converts without a process of its own, so that fuzzing sees inside.
var ConvertHere = convert
