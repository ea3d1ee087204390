// Package sensorhealth judges from stored measurements alone whether a CO2 sensor still
// tells the truth, and when its battery will be empty. It is pure: the store brings nights
// and takes findings.
//
// The way, in steps (docs/air-quality.md has the reasons and the sources):
//
//  1. Of each night the lowest hours of a sensor are its level at rest.
//  2. Of each seven nights those count on which the network, the sensors of the same
//     organization, was lowest: the same nights for all. Outdoor air is in all of their
//     levels alike and cancels.
//  3. What a sensor tells above the median of the network on these nights is its deviation
//     of the week.
//  4. Its offset is the mean of its latest weeks, its drift the slope over half a year; a
//     step is where both sides of a week differ more than a slope explains.
//  5. Each has an interval, and is suspected only when it is beyond a tolerance with a
//     probability of suspicious. Where there are too few sensors or nights nothing is said.
//
// The trap: a network that is wrong as a whole is not found out. Only Impossible looks at
// one sensor by itself.
package sensorhealth
