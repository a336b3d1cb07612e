package preprocess

var featureSteps = []Step{}
