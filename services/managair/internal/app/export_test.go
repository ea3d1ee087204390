package app

// ConvertCommandName is the command of the process that decodes pictures.
const ConvertCommandName = convertCommandName
