import { expect, it } from 'vitest';
import * as dicom from './dicom.ts';
import * as api from './index.ts';
import * as node from './node.ts';

const names = (entry: object): string => Object.keys(entry).sort().join('\n');

it('exports what it promises: growing this list is a decision', () => {
  expect(names(api)).toMatchInlineSnapshot(`
    "ARRAY_BYTES
    DatasetError
    FORMATS
    FormatError
    NumpyArray
    OpaqueObject
    OrderedDict
    PickleGlobal
    PyFloat
    ServerError
    TorchTensor
    Tuple
    Zip
    allowedValues
    asFloat32
    blobSource
    bytesSource
    caseById
    castVoxels
    datasetJson
    decodeB2nd
    decodeNpy
    decodeNpz
    decodePickle
    decodeSafetensors
    decodeTorch
    decodeVolume
    elementCount
    encodeB2nd
    encodeFiles
    encodeNpy
    encodeNpz
    encodeSafetensors
    encodeTorch
    encodeVolume
    encodeZip
    endingOf
    examineDataset
    faultOf
    isZip
    labelSet
    labelSetFromNumbers
    loadCase
    memoryTree
    openNpz
    openSource
    readDataset
    readFolderDataset
    readFromTree
    release
    straightGrid
    straightenVolume
    streamNpz
    torchArrays
    unpickle"
  `);
});

it('exports what it promises for Node', () => {
  expect(names(node)).toMatchInlineSnapshot(`
    "FormatError
    dicomFile
    dicomFolder
    folderTree
    openDataset
    openFile
    openVolume
    readVolume
    resolveDataset
    scanFolder
    temporaryPath
    writeStack
    writeVolume"
  `);
});

it('exports what it promises for DICOM', () => {
  expect(names(dicom)).toMatchInlineSnapshot(`
    "DataSet
    Overflow
    TAG
    dicomWeb
    encodeDataSet
    encodeFile
    examineDicom
    gridOf
    imagesOf
    isSegmentation
    labelVolume
    memorySource
    openFrames
    openSegmentation
    openStack
    parseDicom
    pixelFormat
    readDicomFile
    readDicomVolume
    readSegmentation
    readStack
    readStructureSet
    readStructures
    scanDicom
    straightLabels
    tagName
    targetOf
    targetOfGrid
    tiltedLabels
    writeSegmentation
    writeStructures"
  `);
});
