module coreback.test/programs

go 1.19
